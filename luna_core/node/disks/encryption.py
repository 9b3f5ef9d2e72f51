"""What becomes of what is encrypted: containers are opened by the node's key, or made. cryptsetup(8), LUKS2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import Content, FoundDisk, Inventory
from luna_core.node.disks.layout import LUKS, PREFIX, Layout, Use
from luna_core.node.disks.steps import Item, Step

ENROLL: Final = "systemd-cryptenroll"
# A key of 256 random bits is not guessed any faster for that, and small machines lack the memory for more.
_QUICK: Final = ("--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000")


@dataclass(frozen=True, kw_only=True)
class Container:
    """A place of the layout for something encrypted, and what is there now; `path` is the device's own."""

    use: Use
    mapper: str
    path: str
    content: Content


def mapper(name: str, group: str = "") -> str:
    """What an open container is called: by no name that another container, or LVM, may give."""
    return ".".join(("luna", *filter(None, (group, name))))


def containers(layout: Layout, inventory: Inventory, chosen: Mapping[str, FoundDisk]) -> Iterator[Container]:
    """Those places that are there, on the disks that were chosen by their names in the layout."""
    own = [(disk, chosen[disk.name]) for disk in layout.disks if layout.is_own(chosen[disk.name].table_id)]
    partitions = {(disk.name, part.own_name): part for disk, found in own for part in found.partitions}
    for disk in layout.disks:
        for one in disk.partitions:
            if one.encrypt and (part := partitions.get((disk.name, one.name))):
                yield Container(use=one, mapper=mapper(one.name), path=part.path, content=part.content)
    arrays = {one.name: one for one in inventory.arrays}
    for raid in layout.raids:
        if raid.encrypt and (array := arrays.get(raid.name)):
            yield Container(use=raid, mapper=mapper(raid.name), path=array.path, content=array.content)
    volumes = {(group.name, one.name): (group.path(one), one) for group in inventory.groups for one in group.volumes}
    for group in layout.volume_groups:
        for wanted in group.volumes:
            if wanted.encrypt and (group.name, wanted.name) in volumes:
                path, volume = volumes[group.name, wanted.name]
                name = mapper(wanted.name, group.name)
                yield Container(use=wanted, mapper=name, path=path, content=volume.content)


def refuse_closed(layout: Layout, inventory: Inventory, chosen: Mapping[str, FoundDisk]) -> None:
    """Raise Refused where something to be kept may be in a container that the node's key didn't open."""
    for one in containers(layout, inventory, chosen):
        if one.use.keep and one.content.type == LUKS:
            raise Refused(
                f"{one.path} ({one.content}) for {one.use.name!r} is to be kept, but the node's key doesn't open it. "
                "Give the node the right one with --disk-key, or take keep away if it may go."
            )


def steps(item: Item) -> Iterator[Step]:
    """Make a container, unless what is in it is kept, and open it."""
    if not item.use.encrypt:
        return
    name = f"{item.kind} {item.name}"
    if item.fate != "kept":
        options = ("--type=luks2", "--batch-mode", "--key-file=-", f"--label={PREFIX}{item.name}", *_QUICK)
        make = ("cryptsetup", "luksFormat", *options, item.device)
        yield Step(why=f"{name} is encrypted", command=make, needs_key=True)
    opening = ("cryptsetup", "open", "--key-file=-", item.device, item.mapper)
    yield Step(why=f"{name} is opened", command=opening, needs_key=True)
    if item.use.encrypt == "tpm":
        # To none of the TPM's registers: what they hold after a boot from the network is not what they hold after one
        # from the disk.
        sealing = ("--tpm2-device=auto", "--tpm2-pcrs=", "--wipe-slot=tpm2", "--unlock-key-file=/dev/stdin")
        why = f"{name} is opened by this machine's TPM too"
        yield Step(why=why, command=(ENROLL, *sealing, item.device), needs_key=True)
