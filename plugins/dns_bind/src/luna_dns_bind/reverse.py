"""Which reverse zones cover a network (RFC 1035 section 3.5, RFC 3596 section 2.5).

A reverse zone can only be cut between octets, or nibbles for IPv6. A network that ends elsewhere is covered by as many
zones as it takes (/19: thirty-two of /24), so that luna never claims names of a neighbour's addresses; below the last
octet or nibble (/25, /125) there is no such cut, and the whole /24 or /124 is claimed.
"""

from collections.abc import Iterable
from ipaddress import ip_network

from luna_core.types import IPAddress, IPNetwork

_BITS = {4: 8, 6: 4}


def reverse_zones(networks: Iterable[IPNetwork]) -> list[IPNetwork]:
    """The addresses that each zone covers, sorted, once each."""
    zones = {zone for network in networks for zone in _aligned(network)}
    return sorted(zones, key=lambda zone: (zone.version, int(zone.network_address), zone.prefixlen))


def zone_name(zone: IPNetwork) -> str:
    """The name of an aligned zone, without the last dot, as in 141.10.in-addr.arpa."""
    bits = _BITS[zone.version]
    labels = zone.network_address.reverse_pointer.split(".")
    return ".".join(labels[(zone.max_prefixlen - zone.prefixlen) // bits :])


class Enclosing:
    """Finds the smallest of some zones with an address in it, at a cost that doesn't grow with their number."""

    def __init__(self, zones: Iterable[IPNetwork]) -> None:
        self._zones = set(zones)
        self._lengths = {
            version: sorted({zone.prefixlen for zone in self._zones if zone.version == version}, reverse=True)
            for version in _BITS
        }

    def of(self, address: IPAddress) -> IPNetwork | None:
        """The zone, or None."""
        candidates = (ip_network((address, length), strict=False) for length in self._lengths[address.version])
        return next((zone for zone in candidates if zone in self._zones), None)


def _aligned(network: IPNetwork) -> Iterable[IPNetwork]:
    bits = _BITS[network.version]
    longest = network.max_prefixlen - bits
    if network.prefixlen > longest:
        return [network.supernet(new_prefix=longest)]
    return network.subnets(new_prefix=-(-network.prefixlen // bits) * bits)
