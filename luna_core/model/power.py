"""What is kept of switching a node: the last time that somebody did it through luna, and who failed to since."""

from collections.abc import Iterator
from typing import ClassVar

from luna_core.model.base import Part, StoredObject
from luna_core.types import Key


class PowerFailure(Part):
    """A power action, or `boot`, that came to nothing, and why. As a text it is a sentence."""

    action: str
    time: str
    who: str
    error: str

    def __str__(self) -> str:
        command = "luna boot" if self.action == "boot" else f"luna power {self.action}"
        return f"'{command}' by {self.who} failed at {self.time}: {self.error}"


class PowerRecord(StoredObject):
    """The last power action on a node that its BMC accepted, and what failed since; its id is the node's.

    The texts are empty before a BMC has accepted anything. No history has it.
    """

    kind: ClassVar[str] = "power_record"
    action: str = ""
    time: str = ""
    who: str = ""
    why: str = ""
    failed: PowerFailure | None = None

    def unique_keys(self) -> Iterator[Key]:
        """None: it is found by the node's id."""
        return iter(())
