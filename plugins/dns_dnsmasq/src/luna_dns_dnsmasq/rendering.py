"""The text of dnsmasq's configuration: options as in dnsmasq(8), one a line."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.services import configured
from luna_core.services.words import domain, plain
from luna_core.types import DnsRecord, NetworkPlan

CONFIGURATION = "dnsmasq.conf"
HOSTS = "hosts"
TTL_S = 300
CACHED_NAMES = 10_000

_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def configuration(plan: NetworkPlan, directory: Path) -> str:
    """All but the hosts."""
    lines = [
        "# Made by luna; changes are lost.",
        *("bind-dynamic", "pid-file=", "log-facility=-", "no-resolv", "no-hosts", "domain-needed"),
        f"port={configured.number(plan.cluster, 'dns.port')}",
        f"addn-hosts={plain(str(directory / HOSTS), 'directory')}",
        f"local-ttl={TTL_S}",
        f"cache-size={CACHED_NAMES}",
        *_addresses(plan),
        *_own_names(plan),
        *(_record(record) for record in plan.records),
    ]
    return "\n".join(lines) + "\n"


def _addresses(plan: NetworkPlan) -> Iterator[str]:
    own = plan.cluster.frontend_addresses
    yield from (f"listen-address={address}" for address in ("127.0.0.1", "::1", *own))
    yield from (f"server={address}" for address in plan.cluster.nameservers if address not in own)


def _own_names(plan: NetworkPlan) -> Iterator[str]:
    """What is never asked of a forwarder: a name that isn't in the cluster's own domains and networks isn't at all."""
    yield from dict.fromkeys(f"local=/{domain(network)}/" for network in plan.networks)
    yield from dict.fromkeys(f"rev-server={one.network}" for network in plan.networks for one in network.subnets)


def _record(record: DnsRecord) -> str:
    name, kind = _absolute(record, record.name), record.type.upper()
    try:
        if kind in ("A", "AAAA"):
            return f"host-record={name},{(IPv4Address if kind == 'A' else IPv6Address)(record.value)}"
    except AddressValueError as error:
        raise _refused(record, f"an address: {error}") from error
    if kind == "CNAME":
        return f"cname={name},{_absolute(record, record.value)}"
    raise _refused(record, "type A, AAAA or CNAME; the DNS server bind takes all types")


def _absolute(record: DnsRecord, name: str) -> str:
    if name == "@":
        return record.zone
    if not _NAME.fullmatch(name):
        raise _refused(record, "a name of letters, digits, '_', '-' and '.'")
    return name.removesuffix(".") if name.endswith(".") else f"{name}.{record.zone}"


def _refused(record: DnsRecord, accepted: str) -> BadInput:
    given = f"{record.name} {record.type} {record.value}"
    return BadInput(f"zone {record.zone}: record {given!r} was given; dnsmasq accepts {accepted}.")
