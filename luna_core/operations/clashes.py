"""Values that only one object may hold: refused within one change, and explained when another object has them."""

from collections.abc import Sequence

from luna_core.errors import AlreadyExists
from luna_core.hostlist import natural
from luna_core.model import KINDS, StoredObject
from luna_core.model.base import USES
from luna_core.model.objects import ADDRESS, keyed_address
from luna_core.operations.work import Change, Work
from luna_core.types import Key

TITLES = {
    "name": "the name",
    "host": "the host name",
    "mac": "the MAC",
    ADDRESS: "the address",
    "port": "the switch port",
    "serial": "the serial number",
    "asset_tag": "the asset tag",
    "version": "the version",
}


def refuse_twice(changes: Sequence[Change]) -> None:
    """Raise AlreadyExists if two of the changed objects want the same value."""
    wanted: dict[Key, StoredObject] = {}
    for one in (change.after for change in changes if change.after):
        for key in one.unique_keys():
            if key.space.startswith(USES):
                continue
            if (other := wanted.setdefault(key, one)) is not one:
                first, second = sorted((_title(other), _title(one)), key=natural)
                raise AlreadyExists(f"{second}: {_value(key)} is also given to {first}; accepted is one for each.")


def wanting(changes: Sequence[Change], clash: AlreadyExists) -> str:
    """The changed object that wants the value that the store refused."""
    key = Key(space=clash.space, value=clash.value)
    return next((_title(one.after) for one in changes if one.after and key in one.after.unique_keys()), "it")


def explain(work: Work, wanted_by: str, clash: AlreadyExists) -> str:
    """Which object has the value that the store refused to another."""
    key = Key(space=clash.space, value=clash.value)
    owner = next(iter(work.owners(key.space, key.value, key.value)), None)
    holder = next(iter(work.many(KINDS[owner.kind], [owner.id])), None) if owner else None
    if key.space == "singleton":
        return f"{wanted_by}: the store has {_title(holder) if holder else 'one'} already; accepted is only one."
    by = f"belongs to {_title(holder)}" if holder else "was taken meanwhile"
    return f"{wanted_by}: {_value(key)} {by}; accepted is one that is free."


def _title(one: StoredObject) -> str:
    return f"{one.kind} {one.name}"


def _value(key: Key) -> str:
    space = key.space.partition(":")[0]
    return f"{TITLES.get(space, space)} {keyed_address(key.value) if space == ADDRESS else key.value}"
