"""The links of a node as its operating system is to configure them, whatever the format of its configuration."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from luna_core.errors import BadInput
from luna_core.types import Interface, InterfaceAddress, Node, NodeFile

BOOT = "BOOTIF"
SYSTEM_TYPES = ("ethernet", "infiniband", "bond", "vlan", "bridge")
_FIRST_METRIC = 100
_USUAL_PREFERENCE = 100
_MOST_SERVERS = 3


@dataclass(frozen=True)
class Link:
    """An interface under the name that the operating system gives it, and the metric of its default routes.

    BOOTIF is found by its MAC, since its name depends on the machine.
    """

    name: str
    interface: Interface
    metric: int

    @property
    def is_virtual(self) -> bool:
        """Whether the operating system makes it, rather than finds it."""
        return self.interface.type in ("bond", "vlan", "bridge")

    @property
    def mac(self) -> str | None:
        """By which an Ethernet card is found; InfiniBand's hardware addresses are no MACs."""
        return self.interface.mac if self.interface.type == "ethernet" else None


def links(node: Node) -> list[Link]:
    """The interfaces that the operating system configures; those that others are made of come first.

    An address in a network with a VLAN tag makes a VLAN of the interface. Default routes are preferred by their
    networks' gateway_metric, among equals that by BOOTIF, then those by the other interfaces in their order: so each
    has a metric of its own. Raises BadInput for a VLAN that lacks its number or its parent.
    """
    known = [part for one in node.interfaces if one.type in SYSTEM_TYPES for part in _untangled(node, one)]
    preferred = sorted(known, key=_preference)
    metrics = {one.name: _FIRST_METRIC + 10 * place for place, one in enumerate(preferred)}
    return [
        Link(system_name(one.name), one, metrics[one.name])
        for one in sorted(known, key=lambda one: SYSTEM_TYPES.index(one.type))
    ]


def system_name(name: str) -> str:
    """What an interface is called on the node: luna renames the one with BOOTIF's MAC to `boot0`."""
    first, dot, tag = name.partition(".")
    return f"boot0{dot}{tag}" if first == BOOT else name


def masters(node: Node) -> dict[str, Interface]:
    """The bond or bridge of each interface that is in one."""
    return {member: one for one in node.interfaces if one.type in ("bond", "bridge") for member in one.members}


def vlans_of(all_links: Sequence[Link], parent: Link) -> list[str]:
    """The names of the VLANs of a link."""
    return [one.name for one in all_links if one.interface.type == "vlan" and parent_name(one) == parent.name]


def parent_name(link: Link) -> str:
    """The name of the link that a VLAN is of."""
    return system_name(str(link.interface.parent))


def default_routes(link: Link) -> list[tuple[InterfaceAddress, int]]:
    """The addresses whose network has a gateway, with the metrics of these routes: a kernel has one by each metric."""
    found = sorted(_routed(link.interface), key=lambda one: one.network.gateway_metric)
    families = [[one for one in found if is_ipv6(one) == sixth] for sixth in (False, True)]
    return [(one, link.metric + place) for family in families for place, one in enumerate(family)]


def rename_files(node: Node) -> list[NodeFile]:
    """systemd.link(5) files by which interfaces with a MAC get their names; udev reads them without networkd too."""
    return [
        NodeFile(
            path=f"/etc/systemd/network/10-luna-{link.name}.link",
            content=f"# Written by luna.\n[Match]\nPermanentMACAddress={link.mac}\n\n[Link]\nName={link.name}\n",
        )
        for link in links(node)
        if link.mac
    ]


def nameservers(interface: Interface) -> list[str]:
    """The DNS servers of an interface's networks, each once."""
    return list(dict.fromkeys(str(one) for address in interface.addresses for one in address.network.nameservers))


def domains(interface: Interface) -> list[str]:
    """The zones that its networks' names are in."""
    return list(dict.fromkeys(address.network.domain for address in interface.addresses))


def searched(node: Node, interface: Interface) -> list[str]:
    """The domains in which names are looked for: its networks', then the cluster's."""
    return list(dict.fromkeys([*domains(interface), node.cluster.domain]))


def resolv_conf(node: Node) -> NodeFile:
    """resolv.conf(5), which takes three servers at most."""
    system = [link.interface for link in sorted(links(node), key=lambda link: link.metric)]
    searched = [domain for one in system for domain in domains(one)] + [node.cluster.domain]
    servers = list(dict.fromkeys(server for one in system for server in nameservers(one)))[:_MOST_SERVERS]
    lines = [
        "# Written by luna.",
        f"search {' '.join(dict.fromkeys(searched))}",
        *(f"nameserver {one}" for one in servers),
    ]
    return NodeFile(path="/etc/resolv.conf", content="\n".join(lines) + "\n")


def is_ipv6(address: InterfaceAddress) -> bool:
    """Whether it is an IPv6 address."""
    return isinstance(address.address, ipaddress.IPv6Interface)


def _routed(interface: Interface) -> list[InterfaceAddress]:
    return [one for one in interface.addresses if one.gateway]


def _preference(interface: Interface) -> tuple[int, bool]:
    given = (one.network.gateway_metric for one in _routed(interface))
    return min(given, default=_USUAL_PREFERENCE), interface.name.partition(".")[0] != BOOT


def _untangled(node: Node, interface: Interface) -> Iterator[Interface]:
    """An interface without what its networks' tags put on VLANs, and these."""
    tags = list(dict.fromkeys(one.network.vlan for one in interface.addresses if one.network.vlan))
    if interface.type == "vlan":
        number = interface.vlan or (tags[0] if len(tags) == 1 else None)
        if not number or not interface.parent:
            raise BadInput(f"node {node.name}: interface {interface.name}: type vlan needs both a vlan and a parent.")
        yield replace(interface, vlan=number)
        return
    plain = tuple(one for one in interface.addresses if not one.network.vlan)
    yield replace(interface, addresses=plain, dhcp=interface.dhcp and (bool(plain) or not tags))
    for tag in tags:
        yield Interface(
            name=f"{interface.name}.{tag}",
            type="vlan",
            vlan=tag,
            parent=interface.name,
            addresses=tuple(one for one in interface.addresses if one.network.vlan == tag),
            dhcp=interface.dhcp,
            mtu=interface.mtu,
        )
