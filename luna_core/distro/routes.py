"""How a node with several gateways answers where it was asked: by a routing table for each address that has a gateway.

docs/decisions/0027 says why.
"""

from luna_core.distro.links import Link, default_routes, is_ipv6, links
from luna_core.types import InterfaceAddress, Node

# Above the numbers that the kernel and distributions use (rt_tables), and as priorities before the main table's 32766.
_FIRST_TABLE = 1000


def own_tables(node: Node, link: Link) -> list[tuple[InterfaceAddress, int]]:
    """The addresses of a link that need a table, with its number, which is the priority of the rule for it too.

    The table has the address's network and its gateway, and what is sent from the address is routed by it. None are
    needed of a family in which the node has one gateway; DHCP counts as one.
    """
    everything = links(node)
    return [
        (one, _FIRST_TABLE + metric)
        for one, metric in default_routes(link)
        if sum(_gateways(other, is_ipv6(one)) for other in everything) > 1
    ]


def ip_routes(link: Link, one: InterfaceAddress, table: int) -> tuple[str, str]:
    """Both routes of an address's table, as arguments of ip-route(8)."""
    where = f"dev {link.name} table {table}"
    return f"{one.address.network} {where}", f"default via {one.gateway} {where} onlink"


def ip_rule(one: InterfaceAddress, table: int) -> str:
    """The rule that leads to an address's table, as arguments of ip-rule(8)."""
    return f"from {one.address.ip} lookup {table} priority {table}"


def _gateways(link: Link, sixth: bool) -> int:
    given = [one for one in link.interface.addresses if one.gateway and is_ipv6(one) == sixth]
    return max(len(given), int(link.interface.dhcp))
