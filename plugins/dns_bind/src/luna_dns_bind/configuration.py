"""The text of named.conf (BIND 9 Administrator Reference Manual, chapter 8)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from luna_core.services import configured
from luna_core.services.state import state_path
from luna_core.services.words import plain
from luna_core.types import IPAddress, NetworkPlan
from luna_dns_bind.settings import DNSSEC_VALIDATION
from luna_dns_bind.zones import Zone

CONFIGURATION = "named.conf"


def configuration(plan: NetworkPlan, zones: Sequence[Zone], directory: Path) -> str:
    """All of named.conf: answers for the cluster's own networks only, and no remote control."""
    networks = sorted({str(subnet.network) for network in plan.networks for subnet in network.subnets})
    lines = ["// Made by luna; changes are lost.", "controls { };"]
    lines += [f"acl cluster {{ localhost; {_listed(networks)} }};", "options {"]
    lines += [f"    {line}" for line in _options(plan, directory)]
    lines.append("};")
    home = Path(plain(str(directory), "directory"))
    for zone in zones:
        # "master", for BIND 9.11 of RHEL 8 doesn't know "primary" yet.
        lines.append(f'zone "{zone.name}" {{ type master; file "{home / zone.file}"; }};')
    return "\n".join(lines) + "\n"


def _options(plan: NetworkPlan, directory: Path) -> Iterator[str]:
    cluster, state = plan.cluster, state_path(directory)
    port = configured.number(cluster, "dns.port")
    yield f'directory "{state}";'
    yield f'session-keyfile "{state}/session.key";'
    yield "pid-file none;"
    for option, version, loopback in (("listen-on", 4, "127.0.0.1"), ("listen-on-v6", 6, "::1")):
        own = [str(address) for address in cluster.frontend_addresses if address.version == version]
        yield f"{option} port {port} {{ {_listed(dict.fromkeys([loopback, *own]))} }};"
    for option in ("allow-query", "allow-query-cache", "allow-recursion"):
        yield f"{option} {{ cluster; }};"
    yield "allow-transfer { none; };"
    yield "notify no;"
    yield f"dnssec-validation {configured.text(cluster, DNSSEC_VALIDATION)};"
    if forwarders := _forwarders(plan):
        yield f"forwarders {{ {_listed(map(str, forwarders))} }};"


def _forwarders(plan: NetworkPlan) -> list[IPAddress]:
    own = set(plan.cluster.frontend_addresses)
    return [address for address in plan.cluster.nameservers if address not in own]


def _listed(words: Iterable[str]) -> str:
    return " ".join(f"{word};" for word in words)
