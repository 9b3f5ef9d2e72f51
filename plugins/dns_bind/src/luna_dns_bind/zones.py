"""The zones of a plan as master files (RFC 1035 section 5): one for each domain and each stretch of addresses."""

from collections.abc import Iterator
from dataclasses import dataclass

from luna_core.errors import BadInput
from luna_core.services.words import domain, host_name
from luna_core.types import Host, IPAddress, NetworkPlan
from luna_dns_bind.records import record_text
from luna_dns_bind.reverse import Enclosing, reverse_zones, zone_name

# Seconds. Short, since addresses change with the cluster and every answer comes from the next rack.
TTL_S = 300
_REFRESH_S, _RETRY_S, _EXPIRE_S, _NEGATIVE_S = 3600, 600, 1209600, 60
EMPTY = "without-records"
_SERVER_LABEL = "luna-dns"


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A zone: its name and that of its server without the last dot, and the text of each record."""

    name: str
    server: str
    serial: int
    records: tuple[str, ...]

    @property
    def file(self) -> str:
        """Its file. Those without records are alike and share one, for a network may take 128 reverse zones."""
        return f"{self.name}.zone" if self.records else EMPTY

    def text(self) -> str:
        """The whole master file."""
        times = f"{self.serial} {_REFRESH_S} {_RETRY_S} {_EXPIRE_S} {_NEGATIVE_S}"
        head = (
            "; Made by luna; changes are lost.",
            f"$TTL {TTL_S}",
            f"@ SOA {self.server}. hostmaster.{self.server}. ({times})",
            f"@ NS {self.server}.",
        )
        return "\n".join((*head, *self.records)) + "\n"


def zones(plan: NetworkPlan) -> Iterator[Zone]:
    """Forward zones by name, then reverse zones by address. Raises BadInput for a name or record that can't be one."""
    server = _server(plan)
    for name, records in sorted(_forward(plan, server).items()):
        yield Zone(name=name, server=server, serial=plan.serial, records=tuple(records))
    for name, records in _reverse(plan).items():
        yield Zone(name=name, server=server, serial=plan.serial, records=tuple(records))


def _server(plan: NetworkPlan) -> str:
    """The controller by its full name; where the plan gives it none, a name in the first domain."""
    own = next((_full_name(host, plan) for host in plan.hosts if host.kind == "cluster"), None)
    if own or not plan.cluster.frontend_addresses or not plan.networks:
        return own or "localhost"
    return f"{_SERVER_LABEL}.{domain(plan.networks[0])}"


def _forward(plan: NetworkPlan, server: str) -> dict[str, list[str]]:
    domains = {network.name: domain(network).lower() for network in plan.networks}
    found: dict[str, list[str]] = {name: [] for name in domains.values()}
    for host in plan.hosts:
        found[domains[host.network]].append(_address_record(host_name(host), host.address))
    for record in plan.records:
        if record.zone not in found:
            known = ", ".join(sorted(found))
            raise BadInput(f"record {record.name}: zone {record.zone!r} was given; accepted are {known}.")
        found[record.zone].append(record_text(record))
    label, _, zone = server.partition(".")
    if label == _SERVER_LABEL:
        found[zone.lower()] += [_address_record(label, address) for address in plan.cluster.frontend_addresses]
    return found


def _reverse(plan: NetworkPlan) -> dict[str, list[str]]:
    covered = reverse_zones(subnet.network for network in plan.networks for subnet in network.subnets)
    found: dict[str, list[str]] = {zone_name(zone): [] for zone in covered}
    enclosing = Enclosing(covered)
    for host in plan.hosts:
        if zone := enclosing.of(host.address):
            found[zone_name(zone)].append(f"{host.address.reverse_pointer}. PTR {_full_name(host, plan)}.")
    return found


def _full_name(host: Host, plan: NetworkPlan) -> str:
    network = next(network for network in plan.networks if network.name == host.network)
    return f"{host_name(host)}.{domain(network)}"


def _address_record(name: str, address: IPAddress) -> str:
    return f"{name} {'AAAA' if address.version == 6 else 'A'} {address}"
