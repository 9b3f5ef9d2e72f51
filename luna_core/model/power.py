"""What is kept of switching a node: the last time that somebody did it through luna."""

from collections.abc import Iterator
from typing import ClassVar

from luna_core.model.base import StoredObject
from luna_core.types import Key


class PowerRecord(StoredObject):
    """The last power action on a node that its BMC accepted; its id is the node's. No history has it."""

    kind: ClassVar[str] = "power_record"
    action: str
    time: str
    who: str
    why: str = ""

    def unique_keys(self) -> Iterator[Key]:
        """None: it is found by the node's id."""
        return iter(())
