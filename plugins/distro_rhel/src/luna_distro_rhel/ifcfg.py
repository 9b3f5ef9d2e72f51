"""ifcfg files for the scripts that RHEL 8 can still have in place of NetworkManager (package network-scripts)."""

import shlex
from collections.abc import Iterator, Sequence

from luna_core.distro.links import (
    Link,
    default_routes,
    is_ipv6,
    links,
    masters,
    parent_name,
    rename_files,
    resolv_conf,
    system_name,
)
from luna_core.distro.routes import ip_routes, ip_rule, own_tables
from luna_core.types import Interface, Node, NodeFile

DIRECTORY = "/etc/sysconfig/network-scripts"
_TYPES = {"ethernet": "Ethernet", "infiniband": "InfiniBand", "bond": "Bond", "vlan": "Vlan", "bridge": "Bridge"}
Value = tuple[str, object]


def files(node: Node) -> Sequence[NodeFile]:
    """A file for each link and for its routes and rules of each family, the links' names, and resolv.conf(5)."""
    written = [*rename_files(node), resolv_conf(node)]
    for link in links(node):
        lines = [f"{name}={shlex.quote(str(value))}" for name, value in _values(node, link)]
        text = "\n".join(["# Written by luna.", *lines, *link.interface.options.splitlines()]) + "\n"
        written.append(NodeFile(path=f"{DIRECTORY}/ifcfg-{link.name}", content=text))
        written += _route_files(node, link)
    return written


def _route_files(node: Node, link: Link) -> Iterator[NodeFile]:
    """Lines for ip(8), as ifup-routes gives them to it; GATEWAY= would take one gateway, of the first address."""
    for suffix, sixth in (("", False), ("6", True)):
        tables = [(one, table) for one, table in own_tables(node, link) if is_ipv6(one) == sixth]
        given = [] if link.interface.dhcp else default_routes(link)
        routes = [
            f"default via {one.gateway} dev {link.name} metric {metric} onlink"
            for one, metric in given
            if is_ipv6(one) == sixth
        ]
        routes += (line for one, table in tables for line in ip_routes(link, one, table))
        for kind, lines in (("route", routes), ("rule", [ip_rule(one, table) for one, table in tables])):
            if lines:
                text = "\n".join(["# Written by luna.", *lines]) + "\n"
                yield NodeFile(path=f"{DIRECTORY}/{kind}{suffix}-{link.name}", content=text)


def _values(node: Node, link: Link) -> Iterator[Value]:
    interface = link.interface
    yield from (("DEVICE", link.name), ("TYPE", _TYPES[interface.type]), ("ONBOOT", "yes"), ("NM_CONTROLLED", "no"))
    yield ("BOOTPROTO", "dhcp" if interface.dhcp else "none")
    if interface.dhcp:
        yield ("PERSISTENT_DHCLIENT", "yes")
    # resolv.conf is luna's, with the servers of all links in their order.
    yield ("PEERDNS", "no")
    yield ("METRIC", link.metric)
    if interface.mac and interface.type != "infiniband":
        yield ("MACADDR" if link.is_virtual else "HWADDR", interface.mac)
    if interface.mtu:
        yield ("MTU", interface.mtu)
    if master := masters(node).get(interface.name):
        name = system_name(master.name)
        yield from (("MASTER", name), ("SLAVE", "yes")) if master.type == "bond" else (("BRIDGE", name),)
    yield from _composition(link)
    yield from _addresses(interface)


def _composition(link: Link) -> Iterator[Value]:
    interface = link.interface
    if interface.type == "bond":
        yield ("BONDING_OPTS", f"mode={interface.bond_mode or 'active-backup'} miimon=100")
    if interface.infiniband_mode:
        yield ("CONNECTED_MODE", "yes" if interface.infiniband_mode == "connected" else "no")
    if interface.type == "bridge":
        yield from (("STP", "off"), ("DELAY", 0))
    if interface.type == "vlan":
        yield from (("VLAN", "yes"), ("PHYSDEV", parent_name(link)), ("VLAN_ID", interface.vlan))


def _addresses(interface: Interface) -> Iterator[Value]:
    fourth = [one for one in interface.addresses if not is_ipv6(one)]
    sixth = [one for one in interface.addresses if is_ipv6(one)]
    for number, one in enumerate(fourth):
        yield from ((f"IPADDR{number}", one.address.ip), (f"PREFIX{number}", one.address.network.prefixlen))
    yield ("IPV6INIT", "yes" if sixth or interface.dhcp else "no")
    if not interface.dhcp:
        yield ("IPV6_AUTOCONF", "no")
    if sixth:
        yield ("IPV6ADDR", sixth[0].address)
        if others := sixth[1:]:
            yield ("IPV6ADDR_SECONDARIES", " ".join(str(one.address) for one in others))
