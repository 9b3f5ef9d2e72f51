"""A node's disks as its layout has them, and as the node saw them when it last booted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from luna_core.boot.sessions import boots
from luna_core.errors import BadInput
from luna_core.model import Node
from luna_core.model.disks import DiskLayout
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import Inventory, read_inventory
from luna_core.node.disks.layout import Disk, Layout, Use, read_layout
from luna_core.node.disks.plan import plan
from luna_core.node.disks.sizes import REST, size_bytes
from luna_core.node.disks.steps import Fate, Item, Kind, Step
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work

# By it a node tells what is on its disks, as JSON in the log of the event.
DISKS_PHASE = "disks"


@dataclass(frozen=True, kw_only=True)
class DisksOfNode:
    """What the next installation would do with a node's disks, which it last told of at `seen`.

    Without that, or if it would be `refused` with this sentence, the items are those of the layout, on no device yet.
    """

    node: str
    source: str
    layout: DiskLayout
    seen: str = ""
    refused: str = ""
    items: Sequence[Item] = ()
    steps: Sequence[Step] = ()


def disks_of(work: Work, name: str) -> DisksOfNode:
    """What would become of a node's disks. Raises BadInput if nobody gave it a layout."""
    node = work.get(Node, name)
    said = Lineages(work).of(node.group).say("disks", node)
    if not isinstance(said.value, DiskLayout):
        raise BadInput(f"node {name}: disks: it has no layout; 'luna group change … --disks @FILE' gives one.")
    layout = read_layout(node.id, said.value.document())
    seen, inventory = _seen(work, node)
    shown = DisksOfNode(node=name, source=said.source, layout=said.value, seen=seen, items=list(_promised(layout)))
    if inventory is None:
        return shown
    try:
        planned = plan(layout, inventory)
    except Refused as error:
        return replace(shown, refused=str(error))
    except (TypeError, ValueError, AttributeError):
        # What a machine told may have any values.
        return replace(shown, seen="")
    return replace(shown, items=planned.items, steps=planned.steps)


def _seen(work: Work, node: Node) -> tuple[str, Inventory | None]:
    """When the node last told of its disks, and what it told; machines say what they like, so it may be nothing."""
    for session in boots(work, node):
        for event in reversed(session.events):
            if event.phase == DISKS_PHASE:
                try:
                    return event.time, read_inventory(event.log)
                except (ValueError, KeyError, TypeError, AttributeError):
                    return "", None
    return "", None


def _promised(layout: Layout) -> Iterator[Item]:
    """The layout itself, on disks that are as it wants them."""
    for disk in layout.disks:
        yield Item(kind="disk", name=disk.name, device="", fate="made", on=_wanted(disk))
        for part in disk.partitions:
            yield _item("partition", part, part.size)
    for raid in layout.raids:
        yield _item("raid", raid, REST, f"RAID {raid.level} of {', '.join(raid.members)}")
    for group in layout.volume_groups:
        yield Item(kind="volume group", name=group.name, device="", fate="made", on=f"of {', '.join(group.members)}")
        for volume in group.volumes:
            yield _item("volume", volume, volume.size, f"in {group.name}")


def _item(kind: Kind, use: Use, size: str, on: str = "") -> Item:
    size_known = 0 if size == REST else size_bytes(size)
    fate: Fate = "kept if there" if use.keep else "made"
    return Item(kind=kind, name=use.name, device="", size_bytes=size_known, use=use, fate=fate, on=on)


def _wanted(disk: Disk) -> str:
    return f"{disk.match}{', the first' * disk.first}{', wiped if need be' * disk.wipe}"
