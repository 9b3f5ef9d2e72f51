"""ifupdown: interfaces(5), one file for each link."""

from collections.abc import Iterator, Sequence

from luna_core.types import Interface, InterfaceAddress, Node, NodeFile
from luna_distro_debian.names import Link, domains, is_ipv6, links, masters, nameservers, rename_files, system_name


def files(node: Node) -> Sequence[NodeFile]:
    """/etc/network/interfaces, which reads the directory of the links' own files."""
    loopback = "# Written by luna.\nauto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/luna-*\n"
    written = [*rename_files(node), NodeFile(path="/etc/network/interfaces", content=loopback)]
    for link in links(node):
        text = "# Written by luna.\n" + "\n".join(_stanzas(node, link))
        written.append(NodeFile(path=f"/etc/network/interfaces.d/luna-{link.name}", content=text))
    return written


def _stanzas(node: Node, link: Link) -> Iterator[str]:
    interface = link.interface
    common = [*_composition(node, interface), *interface.options.splitlines()]
    if interface.mtu:
        common.append(f"mtu {interface.mtu}")
    if interface.dhcp:
        yield _stanza(link.name, "inet dhcp", common)
        return
    if not interface.addresses:
        yield _stanza(link.name, "inet manual", common)
    for number, one in enumerate(interface.addresses):
        yield _stanza(
            link.name,
            "inet6 static" if is_ipv6(one) else "inet static",
            _static(one, interface) + (common if number == 0 else []),
        )


def _stanza(name: str, method: str, lines: Sequence[str]) -> str:
    return "\n".join([f"auto {name}", f"iface {name} {method}", *(f"    {line}" for line in lines)]) + "\n"


def _static(one: InterfaceAddress, interface: Interface) -> list[str]:
    lines = [f"address {one.address}"]
    if one.gateway:
        lines.append(f"gateway {one.gateway}")
    if servers := nameservers(interface):
        lines += [f"dns-nameservers {' '.join(servers)}", f"dns-search {' '.join(domains(interface))}"]
    return lines


def _composition(node: Node, interface: Interface) -> list[str]:
    members = " ".join(system_name(node, name) for name in interface.members)
    if interface.type == "bond":
        return [f"bond-slaves {members}", f"bond-mode {interface.bond_mode or 'active-backup'}", "bond-miimon 100"]
    if interface.type == "bridge":
        return [f"bridge_ports {members}", "bridge_stp off", "bridge_fd 0"]
    if interface.type == "vlan":
        return [f"vlan-raw-device {system_name(node, str(interface.parent))}", f"vlan-id {interface.vlan}"]
    master = masters(node).get(interface.name)
    return [f"bond-master {system_name(node, master.name)}"] if master and master.type == "bond" else []
