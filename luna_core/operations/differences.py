"""What a change does to objects, field by field, as people read it: names for ids and no secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from luna_core.errors import MASK
from luna_core.hostlist import natural
from luna_core.model import KINDS, StoredObject
from luna_core.model.fields import Secret
from luna_core.model.walk import replace
from luna_core.operations.forms import named
from luna_core.operations.history import ObjectChange, differences, object_changes
from luna_core.operations.work import Work

Body = Mapping[str, Any] | None
CHANGED_MASK = f"{MASK} (another)"


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    """A field, as a dotted path, before and after; None where it has no value."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What becomes of one object."""

    kind: str
    name: str
    change: Literal["created", "changed", "removed"]
    fields: tuple[FieldDifference, ...]


def pending(work: Work) -> list[Difference]:
    """What this transaction makes different, by kind and name."""
    found = [
        _difference(
            work,
            type(one.subject),
            one.before.body() if one.before else None,
            one.after.body() if one.after else None,
        )
        for one in work.changes()
        if one.subject.kind in KINDS
    ]
    order = list(KINDS)
    return sorted(found, key=lambda one: (order.index(one.kind), natural(one.name)))


def recorded(work: Work, first: int, last: int) -> list[Difference]:
    """What the changes from number `first` to `last` made different together; raises BadInput for an unknown one."""
    changes = [change for number in range(first, last + 1) for change in object_changes(work, number)]
    return [_difference(work, KINDS[one.kind], one.before, one.after) for one in joined(changes)]


def joined(changes: Iterable[ObjectChange]) -> list[ObjectChange]:
    """Changes in their order as one for each object, without those that came back to where they began."""
    by_id: dict[str, ObjectChange] = {}
    for one in changes:
        before = by_id[one.id].before if one.id in by_id else one.before
        by_id[one.id] = ObjectChange(kind=one.kind, id=one.id, before=before, after=one.after)
    return [one for one in by_id.values() if one.before != one.after]


def _difference(work: Work, model: type[StoredObject], before: Body, after: Body) -> Difference:
    old, new = (_readable(work, model, body) for body in _masked(model, before, after))
    return Difference(
        kind=model.kind,
        name=str((after or before or {}).get("name", "")),
        change="created" if before is None else "removed" if after is None else "changed",
        fields=tuple(
            FieldDifference(field=path, before=was, after=now)
            for path, was, now in differences(old, new)
            if path != "name" or (before and after)
        ),
    )


def _masked(model: type[StoredObject], before: Body, after: Body) -> tuple[Body, Body]:
    """Both bodies without secrets; one that changed looks different."""
    known: set[str] = set()

    def hide(_: Secret, secret: str) -> str:
        known.add(secret)
        return MASK

    def hide_new(_: Secret, secret: str) -> str:
        return MASK if secret in known or not before else CHANGED_MASK

    old = replace(model, dict(before), Secret, hide) if before else before
    return old, replace(model, dict(after), Secret, hide_new) if after else after


def _readable(work: Work, model: type[StoredObject], body: Body) -> dict[str, Any]:
    """Fields with names for ids; lists of parts as mappings, so that one part's change doesn't show the whole list."""
    shown = named(work, model, body or {})
    shown.pop("id", None)
    if "subnets" in shown:
        shown["subnets"] = {_family(one["network"]): one for one in shown["subnets"]}
    if "addresses" in shown:
        shown["addresses"] = _grouped((_place(one), one["address"]) for one in shown["addresses"])
    if "records" in shown:
        shown["records"] = _grouped((f"{one['name']} {one['type']}", one["value"]) for one in shown["records"])
    return shown


def _place(address: Mapping[str, Any]) -> str:
    parts = (address.get("interface"), address.get("network"), _family(address["address"]))
    return ".".join(str(part) for part in parts if part)


def _family(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped
