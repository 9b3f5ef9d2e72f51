"""What the three ways of configuring a network have in common: which links there are and what each needs."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from luna_core.errors import BadInput
from luna_core.types import Interface, InterfaceAddress, Node, NodeFile

BOOT = "BOOTIF"
SYSTEM_TYPES = ("ethernet", "infiniband", "bond", "vlan", "bridge")


@dataclass(frozen=True)
class Link:
    """An interface under the name that the operating system gives it.

    BOOTIF is found by its MAC, since its name depends on the machine.
    """

    name: str
    interface: Interface

    @property
    def is_virtual(self) -> bool:
        """Whether the operating system makes it, rather than finds it."""
        return self.interface.type in ("bond", "vlan", "bridge")


def links(node: Node) -> Iterator[Link]:
    """The interfaces that the operating system configures; those that others are made of come first.

    Raises BadInput for a VLAN that lacks its number or its parent.
    """
    known = [one for one in node.interfaces if one.type in SYSTEM_TYPES]
    for interface in sorted(known, key=lambda one: SYSTEM_TYPES.index(one.type)):
        if interface.type == "vlan" and not (interface.vlan and interface.parent):
            raise BadInput(f"node {node.name}: interface {interface.name}: type vlan needs both a vlan and a parent.")
        yield Link(system_name(node, interface.name), interface)


def system_name(node: Node, name: str) -> str:
    """What an interface is called on the node: luna renames the one with BOOTIF's MAC to `boot0`."""
    return "boot0" if name == BOOT else name


def masters(node: Node) -> dict[str, Interface]:
    """The bond or bridge of each interface that is in one."""
    return {member: one for one in node.interfaces if one.type in ("bond", "bridge") for member in one.members}


def default_gateways(interface: Interface) -> list[InterfaceAddress]:
    """The addresses whose network has a gateway, BOOTIF's being the default route."""
    return [one for one in interface.addresses if one.gateway]


def rename_files(node: Node) -> list[NodeFile]:
    """systemd.link(5) files by which interfaces with a MAC get their names; udev reads them without networkd too."""
    files = []
    for link in links(node):
        mac = link.interface.mac
        if mac and not link.is_virtual and link.interface.type == "ethernet":
            text = f"# Written by luna.\n[Match]\nPermanentMACAddress={mac}\n\n[Link]\nName={link.name}\n"
            files.append(NodeFile(path=f"/etc/systemd/network/10-luna-{link.name}.link", content=text))
    return files


def nameservers(interface: Interface) -> list[str]:
    """The DNS servers of an interface's networks, each once."""
    return list(dict.fromkeys(str(one) for address in interface.addresses for one in address.network.nameservers))


def domains(interface: Interface) -> list[str]:
    """The zones that its networks' names are in."""
    return list(dict.fromkeys(address.network.domain for address in interface.addresses))


def resolv_conf(node: Node) -> NodeFile:
    """resolv.conf(5), which takes three servers at most."""
    system = [one for one in node.interfaces if one.type in SYSTEM_TYPES]
    searched = [domain for one in system for domain in domains(one)] + [node.cluster.domain]
    servers = [server for one in system for server in nameservers(one)]
    lines = [f"search {' '.join(dict.fromkeys(searched))}", *(f"nameserver {one}" for one in dict.fromkeys(servers))]
    return NodeFile(path="/etc/resolv.conf", content="\n".join(["# Written by luna.", *lines[:4]]) + "\n")


def is_ipv6(address: InterfaceAddress) -> bool:
    """Whether it is an IPv6 address."""
    return isinstance(address.address, ipaddress.IPv6Interface)
