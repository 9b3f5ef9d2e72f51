"""Every change with who made it, when, why, and what it was: shown, compared, undone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from luna_core.errors import BadInput, Conflict
from luna_core.interfaces import Transaction
from luna_core.model import KINDS
from luna_core.operations.work import LAST, Work
from luna_core.types import Key, Write

HISTORY = "history"
CHANGED = "changed"
MANY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One change of the cluster: its number, when (RFC 3339, UTC), who, what was done, and to how many objects."""

    number: int
    time: str
    who: str
    what: str
    why: str
    objects: int


@dataclass(frozen=True, kw_only=True)
class ObjectChange:
    """One object's part in a change: what was stored before and after, None where it didn't exist."""

    kind: str
    id: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The object's name after the change, or its last."""
        body = self.after or self.before or {}
        return str(body["name"])


def last_number(transaction: Transaction) -> int:
    """The number of the newest change; 0 when there is none."""
    newest = transaction.owners(HISTORY, "", LAST, limit=1, descending=True)
    return int(newest[0].key.value) if newest else 0


def record(work: Work, *, who: str, what: str, why: str) -> list[Write]:
    """The writes that keep this transaction's changes in the history; none if it changed nothing that has one."""
    changes = [
        ObjectChange(
            kind=change.subject.kind,
            id=change.subject.id,
            before=change.before.body() if change.before else None,
            after=change.after.body() if change.after else None,
        )
        for change in work.changes()
        if change.subject.kind in KINDS
    ]
    if not changes:
        return []
    number = last_number(work.transaction) + 1
    entry = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "who": who, "what": what, "why": why}
    head = Write(
        kind=HISTORY,
        id=_order(number),
        revision=0,
        body={**entry, "number": number, "objects": len(changes)},
        keys=(Key(space=HISTORY, value=_order(number)),),
    )
    return [head, *(_kept(number, index, change) for index, change in enumerate(changes))]


def entries(work: Work, target: str | None = None, *, limit: int | None = None) -> list[Entry]:
    """The changes, newest first; of one object if `target`, its id, is given."""
    space = HISTORY if target is None else f"{HISTORY}:{target}"
    owners = work.transaction.owners(space, "", LAST, limit=limit, descending=True)
    records = work.transaction.fetch(HISTORY, [owner.key.value for owner in owners])
    return [Entry(**record.body) for record in records]


def identity(work: Work, kind: str, name: str) -> str:
    """The id of the object of that kind and name, or of the last that had it; raises BadInput, NotFound."""
    if kind not in KINDS:
        raise BadInput(f"There is no kind of object {kind!r}; accepted are {', '.join(KINDS)}.")
    if (found := work.find(KINDS[kind], name)) is not None:
        return found.id
    for record in reversed(work.transaction.fetch(CHANGED)):
        change = ObjectChange(**record.body)
        if (change.kind, change.name) == (kind, name):
            return change.id
    return work.get(KINDS[kind], name).id


def entry(work: Work, number: int) -> Entry:
    """The change with this number; raises BadInput."""
    found = work.transaction.fetch(HISTORY, [_order(number)]) if 0 < number < MANY**2 else ()
    if not found:
        raise BadInput(
            f"There is no change {number}; 'luna history' lists them, and the last is {last_number(work.transaction)}."
        )
    return Entry(**found[0].body)


def object_changes(work: Work, number: int) -> list[ObjectChange]:
    """What a change did to each object."""
    entry(work, number)
    owners = work.owners(f"{CHANGED}:{_order(number)}")
    return [ObjectChange(**record.body) for record in work.transaction.fetch(CHANGED, [owner.id for owner in owners])]


def all_changes(work: Work) -> Iterator[tuple[int, ObjectChange]]:
    """What was ever done to each object, with the number of the change, in their order."""
    for record in work.transaction.fetch(CHANGED):
        yield int(record.id.partition(".")[0]), ObjectChange(**record.body)


def undo(work: Work, number: int) -> Sequence[ObjectChange]:
    """Put back what a change found; raises Conflict if any of its objects has changed since."""
    undone = object_changes(work, number)
    for change in undone:
        model = KINDS[change.kind]
        current = next(iter(work.many(model, [change.id])), None)
        if (current.body() if current else None) != change.after:
            raise Conflict(
                f"Change {number} can't be undone: {change.kind} {change.name} has changed since. "
                f"'luna history {change.kind} {change.name}' shows the later changes; undo those first."
            )
        if change.before is not None:
            work.put(model.load(change.before))
        elif current is not None:
            work.remove(current)
    return undone


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Iterator[tuple[str, Any, Any]]:
    """The fields, as dotted paths, in which two bodies differ, with both values (None where there is none)."""
    old, new = before or {}, after or {}
    for field in dict.fromkeys((*old, *new)):
        if old.get(field) == new.get(field):
            continue
        was, now = old.get(field), new.get(field)
        if (was or now) and isinstance(was or {}, dict) and isinstance(now or {}, dict):
            yield from ((f"{field}.{path}", *both) for path, *both in differences(was, now))
        else:
            yield field, was, now


def _order(number: int) -> str:
    return f"{number:012d}"


def _kept(number: int, index: int, change: ObjectChange) -> Write:
    return Write(
        kind=CHANGED,
        id=f"{_order(number)}.{index:06d}",
        revision=0,
        body={"kind": change.kind, "id": change.id, "before": change.before, "after": change.after},
        keys=(
            Key(space=f"{CHANGED}:{_order(number)}", value=f"{index:06d}"),
            Key(space=f"{HISTORY}:{change.id}", value=_order(number)),
        ),
    )
