"""What a plan consists of: what becomes of each part, commands in their order, and what is to be mounted."""

from dataclasses import dataclass
from typing import Final, Literal

from luna_core.node.disks.layout import Use
from luna_core.node.disks.sizes import shown

Fate = Literal["made", "kept", "used", "kept if there"]
Kind = Literal["disk", "partition", "raid", "volume group", "volume"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command, what it gets on standard input, the node's key in place of that or a text, and why it is run."""

    why: str
    command: tuple[str, ...]
    stdin: str = ""
    needs_key: bool = False


MAPPED: Final = "/dev/mapper/"
_NOTHING = Use(name="")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A part of the layout on its device. `used` is what is there already and gets new contents.

    What is encrypted is reached by the `mapper`, the name of its open container.
    """

    kind: Kind
    name: str
    device: str
    mapper: str = ""
    size_bytes: int = 0
    use: Use = _NOTHING
    fate: Fate
    on: str = ""
    wiped: str = ""

    @property
    def path(self) -> str:
        """Where its contents are: in its container, if it is encrypted."""
        return MAPPED + self.mapper if self.mapper else self.device

    def __str__(self) -> str:
        """For people, as in `partition root /dev/sda2 2G: made, ext4 at /`."""
        facts = [self.kind, self.name, self.device, shown(self.size_bytes) if self.size_bytes else ""]
        at = f" at {self.use.mount}" if self.use.mount else ""
        rest = [self.on, self.fate, f"{self.use.content}{at}", f"wiped is {self.wiped}" * bool(self.wiped)]
        return f"{' '.join(one for one in facts if one)}: {', '.join(one for one in rest if one)}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done. The items with a file system are those to be mounted or swapped to."""

    items: tuple[Item, ...]
    steps: tuple[Step, ...]

    def file_systems(self) -> list[Item]:
        """Those with a format, as mount(8) would need them: what is below comes after what is above."""
        return sorted((one for one in self.items if one.use.format), key=lambda one: one.use.mount.rstrip("/"))


def wipe(device: str, why: str) -> Step:
    """Forget what a device held, so that nobody takes it for something to be used."""
    return Step(why=why, command=("wipefs", "--all", "--quiet", device))
