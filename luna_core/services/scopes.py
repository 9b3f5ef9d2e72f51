"""What DHCP is to say in each subnet, worked out once for all DHCP servers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from luna_core.errors import BadInput
from luna_core.services import configured
from luna_core.services.words import domain, ethernet_address, host_name, network_name
from luna_core.types import Cluster, Host, IPAddress, Network, NetworkPlan, Subnet

Family = Literal[4, 6]
NO_SERVER = "none"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A subnet that DHCP serves. `frontend` is the controller as seen from there; without one, nothing boots.

    `hosts` have a MAC and a fixed address in it. NTP servers are those given by address: DHCP can't carry a name
    (RFC 2132 section 8.3, RFC 4075).
    """

    network: Network
    subnet: Subnet
    frontend: IPAddress | None
    nameservers: tuple[IPAddress, ...]
    ntp_servers: tuple[IPAddress, ...]
    hosts: tuple[Host, ...]


def scopes(plan: NetworkPlan, family: Family) -> tuple[Scope, ...]:
    """The subnets of a family with a pool or a reservation; relayed or local makes no difference.

    Raises BadInput for a name or a MAC that no DHCP server takes, and for a pool on InfiniBand: its clients are known
    by a client identifier alone (RFC 4390), which luna ignores so that firmware and system get the same address.
    """
    hosts = _reservations(plan, family)
    found = []
    for network in plan.networks:
        for subnet in network.subnets:
            if subnet.network.version == family and _is_served(network, subnet, hosts):
                found.append(_scope(plan.cluster, network, subnet, hosts.get(network.name, ())))
    return tuple(found)


def segments(plan: NetworkPlan, family: Family) -> tuple[tuple[Scope, ...], ...]:
    """The subnets as `scopes` gives them, those that share a wire (setting `dhcp.shared_networks`) together."""
    wires = _shared(plan)
    grouped: dict[str, list[Scope]] = defaultdict(list)
    for scope in scopes(plan, family):
        grouped[wires.get(scope.network.name, scope.network.name)].append(scope)
    return tuple(tuple(group) for group in grouped.values())


def _is_served(network: Network, subnet: Subnet, hosts: Mapping[str, tuple[Host, ...]]) -> bool:
    if network.type != "infiniband":
        return subnet.dhcp_range is not None or network.name in hosts
    if subnet.dhcp_range:
        raise BadInput(f"network {network.name}: DHCP range on InfiniBand; luna serves DHCP on ethernet only.")
    return False


def _scope(cluster: Cluster, network: Network, subnet: Subnet, hosts: tuple[Host, ...]) -> Scope:
    network_name(network)
    domain(network)
    frontend = frontend_address(cluster, subnet)
    asked = network.nameservers or (cluster.nameservers if _without_dns(cluster) or not frontend else (frontend,))
    return Scope(
        network=network,
        subnet=subnet,
        frontend=frontend,
        nameservers=_of_family(asked, subnet),
        ntp_servers=_of_family(_addresses(network.ntp_servers or cluster.ntp_servers), subnet),
        hosts=hosts,
    )


def frontend_address(cluster: Cluster, subnet: Subnet) -> IPAddress | None:
    """The controller's address inside the subnet, else its first of that family, which a router leads to."""
    same = _of_family(cluster.frontend_addresses, subnet)
    return next((address for address in same if address in subnet.network), same[0] if same else None)


def _without_dns(cluster: Cluster) -> bool:
    return configured.text(cluster, "dns.server") == NO_SERVER


def _of_family(addresses: Iterable[IPAddress], subnet: Subnet) -> tuple[IPAddress, ...]:
    return tuple(address for address in addresses if address.version == subnet.network.version)


def _addresses(texts: Iterable[str]) -> Iterable[IPAddress]:
    for text in texts:
        try:
            yield ip_address(text)
        except ValueError:
            continue


def _reservations(plan: NetworkPlan, family: Family) -> dict[str, tuple[Host, ...]]:
    ethernet = {network.name for network in plan.networks if network.type == "ethernet"}
    found: dict[str, list[Host]] = defaultdict(list)
    for host in plan.hosts:
        if host.mac and host.address.version == family and host.network in ethernet:
            host_name(host)
            ethernet_address(host)
            found[host.network].append(host)
    return {network: tuple(hosts) for network, hosts in found.items()}


def _shared(plan: NetworkPlan) -> dict[str, str]:
    known = {network.name for network in plan.networks}
    wires: dict[str, str] = {}
    for word in configured.words(plan.cluster, "dhcp.shared_networks"):
        names = word.split("+")
        if missing := [name for name in names if name not in known]:
            raise BadInput(
                f"setting dhcp.shared_networks: {word!r} names {missing[0]!r}; accepted are {', '.join(sorted(known))}."
            )
        wires |= dict.fromkeys(names, names[0])
    return wires
