"""NetworkManager's keyfiles, nm-settings-keyfile(5)."""

import uuid
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
from luna_core.distro.routes import own_tables
from luna_core.types import Interface, Node, NodeFile

DIRECTORY = "/etc/NetworkManager"
# Else it asks every further card's network for an address, whatever luna says of that card.
_NO_OTHERS = "# Written by luna.\n[main]\nno-auto-default=*\n"


def files(node: Node) -> Sequence[NodeFile]:
    """A file for each link, which NetworkManager reads only if nobody else can, and the names of the links."""
    return [
        *rename_files(node),
        NodeFile(path=f"{DIRECTORY}/conf.d/10-luna.conf", content=_NO_OTHERS),
        *(
            NodeFile(
                path=f"{DIRECTORY}/system-connections/luna-{link.name}.nmconnection",
                content="\n".join(["# Written by luna.", *_connection(node, link)]) + "\n",
                mode=0o600,
            )
            for link in links(node)
        ),
    ]


def _connection(node: Node, link: Link) -> Iterator[str]:
    interface = link.interface
    # The same at each boot, for other tools may refer to it.
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{link.name}.{node.name}.{node.cluster.domain}")
    yield from ("[connection]", f"id=luna-{link.name}", f"uuid={identity}", f"type={interface.type}")
    if not link.mac:
        yield f"interface-name={link.name}"
    master = masters(node).get(interface.name)
    if master:
        yield from (f"master={system_name(master.name)}", f"slave-type={master.type}")
    yield from ("", "[infiniband]" if interface.type == "infiniband" else "[ethernet]")
    if link.mac:
        yield f"mac-address={link.mac}"
    elif interface.mac and link.is_virtual:
        yield f"cloned-mac-address={interface.mac}"
    if interface.mtu:
        yield f"mtu={interface.mtu}"
    yield from _composition(link)
    if not master:
        yield from ("", "[ipv4]", *_family(node, link, 4), "", "[ipv6]", *_family(node, link, 6))
    if interface.options:
        yield from ("", interface.options.rstrip("\n"))


def _composition(link: Link) -> Iterator[str]:
    interface = link.interface
    if interface.type == "infiniband":
        yield f"transport-mode={interface.infiniband_mode or 'datagram'}"
    if interface.type == "bond":
        yield from ("", "[bond]", f"mode={interface.bond_mode or 'active-backup'}", "miimon=100")
    if interface.type == "bridge":
        yield from ("", "[bridge]", "stp=false")
    if interface.type == "vlan":
        yield from ("", "[vlan]", f"id={interface.vlan}", f"parent={parent_name(link)}")


def _family(node: Node, link: Link, version: int) -> Iterator[str]:
    interface = link.interface
    own = [one for one in interface.addresses if is_ipv6(one) == (version == 6)]
    if interface.dhcp:
        # By its MAC, as the firmware and iPXE asked, so that it gets the same address.
        yield from ("method=auto", "dhcp-client-id=mac" if version == 4 else "dhcp-duid=ll")
    elif own:
        # Whatever a router advertises, the addresses are luna's: manual takes none of it.
        yield "method=manual"
        yield from (f"address{number}={one.address}" for number, one in enumerate(own, start=1))
    else:
        # No names here: NetworkManager takes no servers of a family that has no addresses.
        yield "method=disabled" if version == 4 else "method=link-local"
        return
    yield f"route-metric={link.metric}"
    yield from _routes(node, link, version)
    yield from _names(node, interface, version, link.metric)


def _routes(node: Node, link: Link, version: int) -> Iterator[str]:
    everywhere = "0.0.0.0/0" if version == 4 else "::/0"
    given = [] if link.interface.dhcp else default_routes(link)
    routes = [(f"{everywhere},{one.gateway},{metric}", "") for one, metric in given if one.address.version == version]
    tables = [(one, table) for one, table in own_tables(node, link) if one.address.version == version]
    for one, table in tables:
        options = f"table={table}"
        routes += [(str(one.address.network), options), (f"{everywhere},{one.gateway}", f"{options},onlink=true")]
    for number, (route, options) in enumerate(routes, start=1):
        yield f"route{number}={route}"
        if options:
            yield f"route{number}_options={options}"
    for number, (one, table) in enumerate(tables, start=1):
        yield f"routing-rule{number}=priority {table} from {one.address.ip} table {table}"


def _names(node: Node, interface: Interface, version: int, metric: int) -> Iterator[str]:
    servers = [one for one in nameservers(interface) if (":" in one) == (version == 6)]
    if servers:
        yield f"dns={';'.join(servers)};"
    yield from (f"dns-search={';'.join(searched(node, interface))};", f"dns-priority={metric}")
