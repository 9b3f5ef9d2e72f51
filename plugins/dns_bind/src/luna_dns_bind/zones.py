"""The zones of a plan as master files (RFC 1035 section 5): one for each domain and each stretch of addresses."""

from collections.abc import Iterator
from dataclasses import dataclass

from luna_core.types import NetworkPlan
from luna_dns_bind.forward import forward_records, full_names, name_server
from luna_dns_bind.reverse import Enclosing, reverse_zones, zone_name

# Seconds. Short, since addresses change with the cluster and every answer comes from the next rack.
TTL_S = 300
_REFRESH_S, _RETRY_S, _EXPIRE_S, _NEGATIVE_S = 3600, 600, 1209600, 60
EMPTY = "without-records"


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
    server = name_server(plan)
    for name, records in (*sorted(forward_records(plan, server).items()), *_reverse(plan).items()):
        yield Zone(name=name, server=server.name, serial=plan.serial, records=tuple(records))


def _reverse(plan: NetworkPlan) -> dict[str, list[str]]:
    covered = reverse_zones(subnet.network for network in plan.networks for subnet in network.subnets)
    found: dict[str, list[str]] = {zone_name(zone): [] for zone in covered}
    enclosing = Enclosing(covered)
    for host, name in full_names(plan).items():
        if zone := enclosing.of(host.address):
            found[zone_name(zone)].append(f"{host.address.reverse_pointer}. PTR {name}.")
    return found
