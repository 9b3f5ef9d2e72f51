"""systemd-networkd: systemd.network(5) and systemd.netdev(5)."""

from collections.abc import Iterator, Sequence

from luna_core.distro.links import (
    Link,
    default_routes,
    links,
    masters,
    nameservers,
    rename_files,
    searched,
    system_name,
    vlans_of,
)
from luna_core.distro.routes import own_tables
from luna_core.types import Interface, Node, NodeFile

DIRECTORY = "/etc/systemd/network"


def files(node: Node) -> Sequence[NodeFile]:
    """Everything that systemd-networkd needs, and the names of the links."""
    written = rename_files(node)
    found = links(node)
    for link in found:
        if link.is_virtual:
            written.append(NodeFile(path=f"{DIRECTORY}/20-luna-{link.name}.netdev", content=_netdev(link)))
        text = "\n".join(["# Written by luna.", *_network(node, link, vlans_of(found, link))]) + "\n"
        written.append(NodeFile(path=f"{DIRECTORY}/30-luna-{link.name}.network", content=text))
    return written


def _netdev(link: Link) -> str:
    interface = link.interface
    lines = ["# Written by luna.", "[NetDev]", f"Name={link.name}", f"Kind={interface.type}"]
    if interface.mac:
        lines.append(f"MACAddress={interface.mac}")
    if interface.type == "bond":
        lines += ["", "[Bond]", f"Mode={interface.bond_mode or 'active-backup'}", "MIIMonitorSec=100ms"]
    if interface.type == "vlan":
        lines += ["", "[VLAN]", f"Id={interface.vlan}"]
    return "\n".join(lines) + "\n"


def _network(node: Node, link: Link, vlans: Sequence[str]) -> Iterator[str]:
    interface = link.interface
    yield from ("[Match]", f"PermanentMACAddress={link.mac}" if link.mac else f"Name={link.name}")
    if link.mac:
        # A bond, a bridge and a VLAN have the MAC of the card beneath.
        yield "Kind=!*"
    if interface.mtu:
        yield from ("", "[Link]", f"MTUBytes={interface.mtu}")
    if interface.infiniband_mode:
        yield from ("", "[IPoIB]", f"Mode={interface.infiniband_mode}")
    yield from ("", "[Network]", f"DHCP={'yes' if interface.dhcp else 'no'}")
    if not interface.dhcp:
        # Whatever a router advertises, the addresses are luna's.
        yield "IPv6AcceptRA=no"
    if master := masters(node).get(interface.name):
        yield f"{'Bond' if master.type == 'bond' else 'Bridge'}={system_name(master.name)}"
    yield from (f"VLAN={name}" for name in vlans)
    yield from _names(node, interface)
    yield from _dhcp(link) if interface.dhcp else _static(link)
    yield from _tables(node, link)
    if interface.options:
        yield from ("", interface.options.rstrip("\n"))


def _names(node: Node, interface: Interface) -> Iterator[str]:
    yield from (f"DNS={one}" for one in nameservers(interface))
    yield f"Domains={' '.join(searched(node, interface))}"
    servers = (server for address in interface.addresses for server in address.network.ntp_servers)
    yield from (f"NTP={server}" for server in dict.fromkeys(servers))


def _static(link: Link) -> Iterator[str]:
    yield from (f"Address={one.address}" for one in link.interface.addresses)
    for one, metric in default_routes(link):
        yield from ("", "[Route]", f"Gateway={one.gateway}", "GatewayOnLink=yes", f"Metric={metric}")


def _tables(node: Node, link: Link) -> Iterator[str]:
    for one, table in own_tables(node, link):
        yield from ("", "[RoutingPolicyRule]", f"From={one.address.ip}", f"Table={table}", f"Priority={table}")
        yield from ("", "[Route]", f"Destination={one.address.network}", f"Table={table}")
        yield from ("", "[Route]", f"Gateway={one.gateway}", "GatewayOnLink=yes", f"Table={table}")


def _dhcp(link: Link) -> Iterator[str]:
    # By its MAC, as the firmware and iPXE asked, so that it gets the same address.
    yield from ("", "[DHCPv4]", "ClientIdentifier=mac", f"RouteMetric={link.metric}")
    yield from ("", "[IPv6AcceptRA]", f"RouteMetric={link.metric}")
