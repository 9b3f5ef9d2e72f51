"""The text of a hosts file (hosts(5)): every host of a plan with its full name, and its short name once a family."""

from collections.abc import Iterator

from luna_core.services.words import domain, host_name
from luna_core.types import Network, NetworkPlan


def hosts_file(plan: NetworkPlan) -> str:
    """One line for each host, by network and address. Raises BadInput for a name that can't be one.

    A short name stands for the host's address in the network of the cluster's own domain, else for its first.
    """
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: NetworkPlan) -> Iterator[str]:
    networks = {network.name: network for network in plan.networks}
    short = _short_names(plan, networks)
    for host in plan.hosts:
        network = networks[host.network]
        name = host_name(host)
        alias = f" {name}" if short[name, host.address.version] == host.network else ""
        yield f"{host.address} {name}.{domain(network)}{alias}"


def _short_names(plan: NetworkPlan, networks: dict[str, Network]) -> dict[tuple[str, int], str]:
    home = [host for host in plan.hosts if networks[host.network].domain == plan.cluster.domain]
    chosen: dict[tuple[str, int], str] = {}
    for host in [*home, *plan.hosts]:
        chosen.setdefault((host.name, host.address.version), host.network)
    return chosen
