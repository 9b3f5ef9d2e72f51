"""ifupdown: interfaces(5). Bonds need the package ifenslave in the image, bridges bridge-utils."""

from collections.abc import Iterator, Sequence

from luna_core.distro.links import (
    Link,
    default_routes,
    is_ipv6,
    links,
    masters,
    nameservers,
    parent_name,
    rename_files,
    searched,
    system_name,
)
from luna_core.distro.routes import ip_routes, ip_rule, own_tables
from luna_core.types import InterfaceAddress, Node, NodeFile


def files(node: Node) -> Sequence[NodeFile]:
    """One file, in whose order interfaces are brought up; a site's own files are still read.

    A card in a bond or a bridge is brought up with it, and has a stanza only for what else is said of it.
    """
    head = "# Written by luna.\nauto lo\niface lo inet loopback\n\nsource /etc/network/interfaces.d/*\n"
    inner = masters(node)
    own = [link for link in links(node) if link.interface.name not in inner or _has_own_stanza(link)]
    stanzas = [text for link in own for text in _stanzas(node, link)]
    return [*rename_files(node), NodeFile(path="/etc/network/interfaces", content="\n".join([head, *stanzas]))]


def _has_own_stanza(link: Link) -> bool:
    return link.is_virtual or bool(link.interface.mtu or link.interface.options)


def _stanzas(node: Node, link: Link) -> Iterator[str]:
    interface = link.interface
    common = [*_composition(link), *interface.options.splitlines()]
    if interface.dhcp:
        # The method dhcp has no option for it.
        mtu = [f"pre-up ip link set dev {link.name} mtu {interface.mtu}"] if interface.mtu else []
        yield _stanza(link.name, "inet dhcp", [f"metric {link.metric}", *mtu, *_tables(node, link), *common])
        return
    common += [f"mtu {interface.mtu}"] if interface.mtu else []
    if not interface.addresses:
        yield _stanza(link.name, "inet manual", common)
    # IPv6 first: by the next stanza the interface is up, and what a router advertises would be taken until IPv6's.
    for number, one in enumerate(sorted(interface.addresses, key=is_ipv6, reverse=True)):
        yield _stanza(
            link.name,
            "inet6 static" if is_ipv6(one) else "inet static",
            [*_static(node, link, one), *(common if number == 0 else [])],
        )


def _stanza(name: str, method: str, lines: Sequence[str]) -> str:
    return "\n".join([f"auto {name}", f"iface {name} {method}", *(f"    {line}" for line in lines)]) + "\n"


def _static(node: Node, link: Link, one: InterfaceAddress) -> Iterator[str]:
    yield f"address {one.address}"
    for other, metric in default_routes(link):
        if other is one:
            yield from (f"gateway {one.gateway}", f"metric {metric}")
    yield from _tables(node, link, one)
    if is_ipv6(one):
        # Whatever a router advertises, the addresses are luna's.
        yield from ("accept_ra 0", "autoconf 0")
    if servers := nameservers(link.interface):
        # resolvconf(8) reads these.
        yield from (f"dns-nameservers {' '.join(servers)}", f"dns-search {' '.join(searched(node, link.interface))}")


def _tables(node: Node, link: Link, only: InterfaceAddress | None = None) -> Iterator[str]:
    for one, table in own_tables(node, link):
        if only in (None, one):
            ip = f"ip -{one.address.version}"
            yield from (f"up {ip} route replace {route}" for route in ip_routes(link, one, table))
            yield from (f"up {ip} rule add {ip_rule(one, table)}", f"down {ip} rule del {ip_rule(one, table)}")


def _composition(link: Link) -> list[str]:
    interface = link.interface
    members = " ".join(system_name(name) for name in interface.members)
    if interface.type == "bond":
        return [f"bond-slaves {members}", f"bond-mode {interface.bond_mode or 'active-backup'}", "bond-miimon 100"]
    if interface.type == "bridge":
        return [f"bridge_ports {members}", "bridge_stp off", "bridge_fd 0"]
    if interface.infiniband_mode:
        # It decides which MTU the card takes, which ifupdown gives it after this.
        return [f"pre-up echo {interface.infiniband_mode} > /sys/class/net/{link.name}/mode"]
    return [f"vlan-raw-device {parent_name(link)}", f"vlan-id {interface.vlan}"] if interface.type == "vlan" else []
