"""The site's consoles, inventory and message of the day."""

from collections.abc import Iterable, Sequence
from shlex import quote

from luna_core.hookspecs import hookimpl
from luna_core.types import Command, Image, KernelArgument, Node, Postscript, Setting, Sighting
from luna_site_example.inventory import read

TTYS1_RACKS = Setting(name="site.ttys1_racks", default=(), help="Racks whose machines have their console on ttyS1.")


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """What the site may change without touching this file."""
    return [TTYS1_RACKS]


@hookimpl
def luna_commands() -> Iterable[Command]:
    """`luna inventory`."""
    return [Command(name="inventory", load="luna_site_example.cli:inventory", help="List the site's inventory.")]


@hookimpl
def luna_discover(macs: Sequence[str]) -> Iterable[Sighting]:
    """What the inventory says of these MACs."""
    known = [machine for machine in read() if machine.mac in macs]
    return [Sighting(mac=one.mac, place=f"rack {one.rack} slot {one.slot}", node=one.node) for one in known]


@hookimpl
def luna_kernel_arguments(image: Image, node: Node) -> Iterable[KernelArgument]:
    """The serial port that the node's rack is wired to."""
    racks = node.cluster.settings[TTYS1_RACKS.name]
    port = "ttyS1" if isinstance(racks, tuple) and node.rack in racks else "ttyS0"
    return [KernelArgument(key="console", value=f"{port},115200")]


@hookimpl
def luna_postscripts(image: Image, node: Node) -> Iterable[Postscript]:
    """Say at login what the node is."""
    line = quote(f"This is {node.name}, installed from {image.name}.")
    return [Postscript(name="motd", stage="postscript", text=f'echo {line} > "$NEWROOT/etc/motd"\n')]
