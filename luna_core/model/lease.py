"""Who works at an object that only one may work at, on any of the controllers that share the store."""

from collections.abc import Iterator
from typing import ClassVar

from luna_core.model.base import StoredObject
from luna_core.types import Key


class Lease(StoredObject):
    """Its id is that of the object. `until` is RFC 3339 in UTC: whoever died holding it doesn't renew it."""

    kind: ClassVar[str] = "lease"
    machine: str
    doing: str
    until: str

    def unique_keys(self) -> Iterator[Key]:
        """None: it is found by the object's id."""
        return iter(())
