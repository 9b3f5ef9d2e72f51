"""What is kept of a boot: the session that a node was given, and everything that it reported."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from luna_core.model.base import Part, StoredObject
from luna_core.types import Key

SESSION = "session"
TRACKER = "tracker"
BOOTS = "boots"
Outcome = Literal["booting", "installed", "up", "failed", "abandoned"]
UNFINISHED = ("booting", "failed")


class BootEvent(Part):
    """Something that happened during a boot. `time` is RFC 3339 in UTC, `log` the last lines where a phase failed."""

    time: str
    phase: str
    status: Literal["started", "done", "failed"]
    exit_status: int | None = None
    log: str = ""


class Notice(Part):
    """Something odd about who a machine is, and the command that settles it if it is as it seems.

    `identities` has what the store said of the nodes concerned, by id; once it says otherwise, the notice is settled.
    """

    text: str
    command: str = ""
    identities: dict[str, str] = Field({})


class BootSession(StoredObject):
    """One boot of one node; its name is the node's.

    The token itself is never stored. It opens what the node needs while `outcome` is booting or failed.
    """

    kind: ClassVar[str] = "boot_session"
    node: str = Field(description="Id of the node.")
    token_sha256: str
    tracker_key_sha256: str
    address: str = Field(description="Where the node's requests come from.")
    opened: str
    sorts_as: str = Field("", description="A time, where the clock was behind that of the node's boot before this one.")
    touched: str
    heard_on: str = Field("", description="The boot id of the controller's kernel that last heard of the node.")
    heard_s: float = Field(0.0, description="When, by that kernel's clock that nobody sets: seconds since it started.")
    outcome: Outcome = "booting"
    image: str = ""
    version: int = 0
    manifest_sha256: str = ""
    loads_from: str = Field("", description="The node that relays kernel and initramfs to it; else the controller.")
    events: tuple[BootEvent, ...] = ()
    progress: dict[str, Any] = Field({})
    notices: tuple[Notice, ...] = ()

    def unique_keys(self) -> Iterator[Key]:
        """Found among the boots of its node in their order, and by its token while that can be good."""
        yield Key(space=f"{BOOTS}:{self.node}", value=f"{self.sorts_as or self.opened}/{self.id}")
        if self.outcome in UNFINISHED:
            yield Key(space=SESSION, value=self.token_sha256)
            yield Key(space=TRACKER, value=self.tracker_key_sha256)


class HostKeys(StoredObject):
    """The public ssh host keys of a node's installed system, as it told them; its id is the node's. No history has it.

    Each is a type and a key in base64, as sshd(8) writes them.
    """

    kind: ClassVar[str] = "host_keys"
    keys: tuple[str, ...]

    def unique_keys(self) -> Iterator[Key]:
        """None: they are found by the node's id."""
        return iter(())


class SeenAt(Part):
    """A sighting of a machine, as it is kept: what `types.Sighting` has, and the plugin that gave it."""

    plugin: str
    mac: str
    place: str
    node: str | None = None
    group: str | None = None
    switch: str | None = None
    port: str | None = None
    age_s: float = 0.0
    confidence: float = 1.0


class UnknownMachine(StoredObject):
    """A machine that asked for a name and has none yet; its name is its first MAC.

    `command` is what an administrator may do about the `reason`.
    """

    kind: ClassVar[str] = "unknown_machine"
    macs: tuple[str, ...]
    first_seen: str
    last_seen: str
    address: str = ""
    serial: str = ""
    asset_tag: str = ""
    vendor: str = ""
    product: str = ""
    reason: str = ""
    command: str = ""
    sightings: tuple[SeenAt, ...] = ()
