"""Kea's configuration as the JSON document that the Kea Administrator Reference Manual describes."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from luna_core.errors import BadInput
from luna_core.services import configured
from luna_core.services.listening import interface_of, interfaces
from luna_core.services.scopes import Family, Scope, segments
from luna_core.types import Cluster, Host, IPAddress, IPNetwork, NetworkPlan
from luna_dhcp_kea.boot import classes, option_definitions, required_classes

Document = dict[str, Any]


def configuration(plan: NetworkPlan, family: Family, state: Path) -> Document:
    """The whole document for a family, with its leases below the directory `state`."""
    lease_s = configured.number(plan.cluster, "dhcp.lease_seconds")
    wires = segments(plan, family)
    frontends = dict.fromkeys(scope.frontend for wire in wires for scope in wire if scope.frontend)
    name = f"subnet{family}"
    shared = [_shared(wire, name, plan.cluster) for wire in wires if len(wire) > 1]
    return {
        f"Dhcp{family}": {
            "interfaces-config": {
                "interfaces": interfaces(plan.cluster) or ["*"],
                "service-sockets-max-retries": 100,
                "service-sockets-retry-wait-time": 3000,
            },
            "lease-database": {"type": "memfile", "name": str(state / f"kea-leases{family}.csv")},
            "valid-lifetime": lease_s,
            **_identification(family),
            "option-def": option_definitions(family),
            "client-classes": classes(plan.cluster, family, list(frontends)),
            "shared-networks": shared,
            name: [_subnet(wire[0], plan.cluster) for wire in wires if len(wire) == 1],
            "loggers": [{"name": f"kea-dhcp{family}", "output_options": [{"output": "stdout"}], "severity": "INFO"}],
        }
    }


def _identification(family: Family) -> Document:
    if family == 6:
        server = {"type": "LL", "persist": False}
        return {"host-reservation-identifiers": ["hw-address"], "mac-sources": ["any"], "server-id": server}
    # Firmware, iPXE and system each give another client identifier; by MAC alone they are one client.
    return {"host-reservation-identifiers": ["hw-address"], "match-client-id": False, "authoritative": True}


def _shared(wire: tuple[Scope, ...], name: str, cluster: Cluster) -> Document:
    return {"name": wire[0].network.name, name: [_subnet(scope, cluster) for scope in wire]}


def _subnet(scope: Scope, cluster: Cluster) -> Document:
    subnet = scope.subnet
    document: Document = {
        "id": _subnet_id(subnet.network),
        "subnet": str(subnet.network),
        "pools": [{"pool": " - ".join(map(str, subnet.dhcp_range))}] if subnet.dhcp_range else [],
        "option-data": [{"name": name, "data": data} for name, data in _options(scope)],
        "reservations": [_reservation(host) for host in scope.hosts],
    }
    if scope.frontend:
        document["require-client-classes"] = required_classes(scope.frontend)
        document |= {"next-server": str(scope.frontend)} if subnet.network.version == 4 else _arrival(scope, cluster)
    return document


def _arrival(scope: Scope, cluster: Cluster) -> Document:
    # A DHCPv6 client that is not behind a relay has a link-local address, which says nothing of its subnet.
    if scope.frontend not in scope.subnet.network:
        return {}
    if name := interface_of(cluster, scope.network):
        return {"interface": name}
    raise BadInput(
        f"network {scope.network.name}: Kea must be told its interface for DHCPv6; "
        f"setting dhcp.interfaces accepts it as in {scope.network.name}=eth0."
    )


def _subnet_id(subnet: IPNetwork) -> int:
    # Leases refer to it, so it may not depend on which other networks there are. 0 and 2**32 - 1 are Kea's own.
    return zlib.crc32(str(subnet).encode()) % (2**32 - 2) + 1


def _options(scope: Scope) -> Iterator[tuple[str, str]]:
    is_v6 = scope.subnet.network.version == 6
    if scope.subnet.gateway and not is_v6:
        yield "routers", str(scope.subnet.gateway)
    if not is_v6:
        yield "domain-name", scope.network.domain
    yield "domain-search", scope.network.domain
    if scope.nameservers:
        yield "dns-servers" if is_v6 else "domain-name-servers", _listed(scope.nameservers)
    if scope.ntp_servers:
        yield "sntp-servers" if is_v6 else "ntp-servers", _listed(scope.ntp_servers)
    if scope.network.mtu and not is_v6:
        yield "interface-mtu", str(scope.network.mtu)


def _reservation(host: Host) -> Mapping[str, object]:
    where = {"ip-addresses": [str(host.address)]} if host.address.version == 6 else {"ip-address": str(host.address)}
    return {"hw-address": host.mac, **where, "hostname": host.name}


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(map(str, addresses))
