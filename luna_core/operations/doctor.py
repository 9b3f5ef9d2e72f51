"""Whether the store is whole: every object valid, every key its own, every reference met, every change recorded."""

from collections import defaultdict
from collections.abc import Iterator

from luna_core.errors import LunaError
from luna_core.model import KINDS, Network, Node, OsImage, StoredObject, Switch
from luna_core.model.objects import ADDRESS, HOST, UNMANAGED
from luna_core.model.walk import references
from luna_core.operations import history, integrity
from luna_core.operations.addresses import settle
from luna_core.operations.work import Work


def problems(work: Work) -> Iterator[str]:
    """Every invariant of the store that does not hold, as a sentence each."""
    objects: list[StoredObject] = []
    for kind, model in KINDS.items():
        try:
            objects += work.all(model)
        except LunaError as error:
            yield f"A stored {kind} is not valid: {error}"
            return
    dangling = list(_dangling(objects))
    yield from dangling
    yield from _keys(work, objects)
    yield from _history(work, objects)
    if objects and not dangling:  # what follows relies on references
        yield from _said(integrity.problems(work))
        yield from _said(_unsettled(work))


def _said(found: Iterator[str]) -> Iterator[str]:
    try:
        yield from found
    except LunaError as error:
        yield str(error)


def _dangling(objects: list[StoredObject]) -> Iterator[str]:
    known = {one.id for one in objects}
    for one in objects:
        for kind, target in references(type(one), one):
            if target not in known:
                yield f"{one.kind} {one.name} refers to a {kind} that doesn't exist."


def _keys(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for space in _spaces(objects):
        wanted[space] = {}
    for one in objects:
        for key in one.unique_keys():
            if key.value in wanted[key.space]:
                yield f"{one.kind} {one.name} shares the {key.space} {key.value} with another object."
            wanted[key.space][key.value] = one.id
    for space, values in wanted.items():
        held = {owner.key.value: owner.id for owner in work.owners(space)}
        for value in sorted({*values, *held}):
            if values.get(value) != held.get(value):
                yield f"The key {value} in {space} is held by {held.get(value)}, not by {values.get(value)}."


def _spaces(objects: list[StoredObject]) -> Iterator[str]:
    """Where a key could be that no object holds, though it keeps others from having it."""
    yield from ("mac", "serial", "asset_tag", HOST, "singleton", f"{ADDRESS}:{UNMANAGED}")
    yield from (f"name:{kind}" for kind in KINDS)
    for one in objects:
        if isinstance(one, Network):
            yield f"{ADDRESS}:{one.id}"
        if isinstance(one, Switch):
            yield f"port:{one.id}"
        if isinstance(one, OsImage):
            yield f"version:{one.id}"


def _history(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    entries = list(reversed(history.entries(work)))
    numbers = [entry.number for entry in entries]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"The history has {len(numbers)} changes, the last of which is number {max(numbers)}."
    latest: dict[str, object] = {}
    counted: dict[int, int] = defaultdict(int)
    for number, change in history.all_changes(work):
        counted[number] += 1
        latest[change.id] = change.after
    for entry in entries:
        if counted[entry.number] != entry.objects:
            yield (
                f"Change {entry.number} was of {entry.objects} objects, but the history has {counted[entry.number]}."
            )
    stored = {one.id: one.body() for one in objects}
    for identity in sorted({*stored, *latest}):
        if stored.get(identity) != latest.get(identity):
            yield f"Object {identity} is not as the history has it."


def _unsettled(work: Work) -> Iterator[str]:
    before = {node.id: node.addresses for node in work.all(Node)}
    settle(work, work.all(Node))
    for node in work.all(Node):
        if node.addresses != before[node.id]:
            yield f"node {node.name} doesn't have the addresses that its interfaces need."
