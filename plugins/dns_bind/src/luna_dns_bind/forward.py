"""The records of the forward zones, one zone for each domain, and the name of the server that they all name."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from luna_core.errors import BadInput
from luna_core.services.words import domain, host_name
from luna_core.types import Host, IPAddress, NetworkPlan
from luna_dns_bind.records import record_text

_SERVER_LABEL = "luna-dns"


@dataclass(frozen=True, kw_only=True)
class NameServer:
    """The controller as name server: its full name, without the last dot, and its addresses."""

    name: str
    addresses: tuple[IPAddress, ...]


def name_server(plan: NetworkPlan) -> NameServer:
    """The controller by the first name that the plan gives it, else by one in the first domain."""
    names = full_names(plan)
    own = [(names[host], host.address) for host in plan.hosts if host.kind == "cluster"]
    if own:
        return NameServer(name=own[0][0], addresses=tuple(address for name, address in own if name == own[0][0]))
    if not plan.networks or not plan.cluster.frontend_addresses:
        return NameServer(name="localhost", addresses=())
    name = f"{_SERVER_LABEL}.{domain(plan.networks[0])}"
    return NameServer(name=name, addresses=plan.cluster.frontend_addresses)


def full_names(plan: NetworkPlan) -> dict[Host, str]:
    """The full name of every host in lower case, without the last dot."""
    domains = {network.name: domain(network) for network in plan.networks}
    return {host: f"{host_name(host)}.{domains[host.network]}".lower() for host in plan.hosts}


def forward_records(plan: NetworkPlan, server: NameServer) -> dict[str, list[str]]:
    """The records of each domain's zone, every name in them absolute."""
    names = full_names(plan)
    found: dict[str, list[str]] = {domain(network).lower(): [] for network in plan.networks}
    for host, name in names.items():
        found[name.partition(".")[2]].append(_address_record(name, host.address))
    for record in plan.records:
        if record.zone not in found:
            known = ", ".join(sorted(found))
            raise BadInput(f"record {record.name}: zone {record.zone!r} was given; accepted are {known}.")
        found[record.zone].append(record_text(record))
    for zone, records in found.items():
        records += [f"{below}. NS {server.name}." for below in _directly_below(zone, found)]
        # In the zone that the name is in, and, as glue, in those above (RFC 1034 section 4.2.1).
        if _is_below(server.name, zone):
            records += [_address_record(server.name, address) for address in server.addresses]
    return {zone: list(dict.fromkeys(records)) for zone, records in found.items()}


def _directly_below(zone: str, zones: Collection[str]) -> Iterator[str]:
    below = [one for one in zones if _is_below(one, zone)]
    yield from (one for one in below if not any(_is_below(one, other) for other in below))


def _is_below(name: str, zone: str) -> bool:
    return name.endswith(f".{zone}")


def _address_record(name: str, address: IPAddress) -> str:
    return f"{name}. {'AAAA' if address.version == 6 else 'A'} {address}"
