"""Whether the store is whole: every object valid, every key its own, every reference met, every change recorded."""

from collections import defaultdict
from collections.abc import Iterator

from luna_core.errors import LunaError
from luna_core.model import KINDS, Node
from luna_core.model.base import StoredObject
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
    yield from _dangling(objects)
    yield from _keys(work, objects)
    yield from _history(work, objects)
    if objects:
        yield from integrity.problems(work)
        yield from _unsettled(work)


def _dangling(objects: list[StoredObject]) -> Iterator[str]:
    known = {one.id for one in objects}
    for one in objects:
        for kind, target in references(type(one), one):
            if target not in known:
                yield f"{one.kind} {one.name} refers to a {kind} that doesn't exist."


def _keys(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
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


def _history(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    entries = history.entries(work)
    numbers = [entry.number for entry in reversed(entries)]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"The history has {len(numbers)} changes, the last of which is number {max(numbers)}."
    latest: dict[str, object] = {}
    for entry in reversed(entries):
        changes = history.object_changes(work, entry.number)
        if len(changes) != entry.objects:
            yield f"Change {entry.number} was of {entry.objects} objects, but the history has {len(changes)}."
        latest |= {change.id: change.after for change in changes}
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
