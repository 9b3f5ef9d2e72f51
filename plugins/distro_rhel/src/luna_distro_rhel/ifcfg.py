"""ifcfg files for the scripts that RHEL 8 can still have in place of NetworkManager (package network-scripts)."""

import shlex
from collections.abc import Iterator, Sequence

from luna_core.distro.links import (
    Link,
    is_ipv6,
    links,
    masters,
    parent_name,
    rename_files,
    resolv_conf,
    system_name,
)
from luna_core.types import Interface, Node, NodeFile

DIRECTORY = "/etc/sysconfig/network-scripts"
_TYPES = {"ethernet": "Ethernet", "infiniband": "InfiniBand", "bond": "Bond", "vlan": "Vlan", "bridge": "Bridge"}
Value = tuple[str, object]


def files(node: Node) -> Sequence[NodeFile]:
    """A file for each link, their names, and resolv.conf(5)."""
    written = [*rename_files(node), resolv_conf(node)]
    for link in links(node):
        lines = [f"{name}={shlex.quote(str(value))}" for name, value in _values(node, link)]
        text = "\n".join(["# Written by luna.", *lines, *link.interface.options.splitlines()]) + "\n"
        written.append(NodeFile(path=f"{DIRECTORY}/ifcfg-{link.name}", content=text))
    return written


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
    if interface.type == "bridge":
        yield from (("STP", "off"), ("DELAY", 0))
    if interface.type == "vlan":
        yield from (("VLAN", "yes"), ("PHYSDEV", parent_name(link)), ("VLAN_ID", interface.vlan))


def _addresses(interface: Interface) -> Iterator[Value]:
    fourth = [one for one in interface.addresses if not is_ipv6(one)]
    sixth = [one for one in interface.addresses if is_ipv6(one)]
    for number, one in enumerate(fourth):
        yield from ((f"IPADDR{number}", one.address.ip), (f"PREFIX{number}", one.address.network.prefixlen))
    for one in [one for one in fourth if one.gateway][:1]:
        yield ("GATEWAY", one.gateway)
    yield ("IPV6INIT", "yes" if sixth or interface.dhcp else "no")
    if not interface.dhcp:
        yield ("IPV6_AUTOCONF", "no")
    if sixth:
        yield ("IPV6ADDR", sixth[0].address)
        if others := sixth[1:]:
            yield ("IPV6ADDR_SECONDARIES", " ".join(str(one.address) for one in others))
    for one in [one for one in sixth if one.gateway][:1]:
        yield ("IPV6_DEFAULTGW", one.gateway)
