"""systemd-networkd: systemd.network(5) and systemd.netdev(5)."""

from collections.abc import Sequence

from luna_core.types import Interface, Node, NodeFile
from luna_distro_debian.names import (
    Link,
    default_gateways,
    domains,
    links,
    masters,
    nameservers,
    rename_files,
    system_name,
)

DIRECTORY = "/etc/systemd/network"


def files(node: Node) -> Sequence[NodeFile]:
    """Everything that systemd-networkd needs, and the names of the links."""
    written = rename_files(node)
    for link in links(node):
        if link.is_virtual:
            written.append(NodeFile(path=f"{DIRECTORY}/20-luna-{link.name}.netdev", content=_netdev(link)))
        written.append(NodeFile(path=f"{DIRECTORY}/30-luna-{link.name}.network", content=_network(node, link)))
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


def _network(node: Node, link: Link) -> str:
    interface = link.interface
    lines = ["# Written by luna.", "[Match]", _match(link), ""]
    if interface.mtu:
        lines += ["[Link]", f"MTUBytes={interface.mtu}", ""]
    lines += ["[Network]", f"DHCP={'yes' if interface.dhcp else 'no'}"]
    # Whatever a router advertises, the addresses are luna's.
    lines += ["IPv6AcceptRA=no"] if not interface.dhcp else []
    lines += _membership(node, interface)
    lines += [f"DNS={one}" for one in nameservers(interface)]
    lines += [f"Domains={' '.join(domains(interface))}"] if domains(interface) else []
    lines += [f"NTP={server}" for address in interface.addresses for server in address.network.ntp_servers]
    if not interface.dhcp:
        lines += [f"Address={one.address}" for one in interface.addresses]
        for one in default_gateways(interface):
            lines += ["", "[Route]", f"Gateway={one.gateway}", "GatewayOnLink=yes"]
    return "\n".join([*lines, *_options(interface)]) + "\n"


def _match(link: Link) -> str:
    named_by_mac = link.interface.mac and not link.is_virtual and link.interface.type == "ethernet"
    return f"PermanentMACAddress={link.interface.mac}" if named_by_mac else f"Name={link.name}"


def _membership(node: Node, interface: Interface) -> list[str]:
    lines = []
    if master := masters(node).get(interface.name):
        lines.append(f"{'Bond' if master.type == 'bond' else 'Bridge'}={system_name(node, master.name)}")
    lines += [
        f"VLAN={system_name(node, one.name)}"
        for one in node.interfaces
        if one.type == "vlan" and one.parent == interface.name
    ]
    return lines


def _options(interface: Interface) -> list[str]:
    return ["", interface.options.rstrip("\n")] if interface.options else []
