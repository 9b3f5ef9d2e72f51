"""For tests of a distro's network files: nodes with interfaces of any kind, and roots that hold what was written."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

from luna_core.testing import facts
from luna_core.types import Interface, InterfaceAddress, Network, Node, NodeFile


def network(name: str, *, vlan: int | None = None, servers: Sequence[str] = ()) -> Network:
    """A network with these nameservers, whose domain is called after it."""
    return Network(name=name, domain=f"{name}.test", vlan=vlan, nameservers=tuple(ip_address(one) for one in servers))


def address(text: str, gateway: str | None = None, of: Network | None = None) -> InterfaceAddress:
    """An address with its prefix length; it is of the network `cluster` if no other is given."""
    return InterfaceAddress(
        network=of or network("cluster", servers=("10.141.255.254",)),
        address=ip_interface(text),
        gateway=ip_address(gateway) if gateway else None,
    )


def node_with(*interfaces: Interface) -> Node:
    """A node with these interfaces, and a BMC that is nobody's business."""
    bmc = Interface(name="BMC", type="bmc", addresses=(address("10.148.0.1/16", "10.148.255.254", network("ipmi")),))
    return replace(facts.node(), interfaces=(bmc, *interfaces))


def write_files(root: Path, files: Iterable[NodeFile]) -> Path:
    """Write files below `root`, which is made, and return it."""
    for file in files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)
    return root
