"""The text of dhcpd's configuration: statements as in dhcpd.conf(5), conditions as in dhcp-eval(5)."""

from collections.abc import Iterable, Iterator

from luna_core.services import configured
from luna_core.services.boot_files import IPXE_NO_PROXY_DHCP, IPXE_OPTION
from luna_core.services.scopes import Family, Scope, scopes, segments
from luna_core.types import Cluster, Host, IPAddress, IPNetwork, NetworkPlan
from luna_dhcp_isc.boot import boot_v4, boot_v6


def configuration(plan: NetworkPlan, family: Family) -> str:
    """The whole file for a family."""
    lease_s = configured.number(plan.cluster, "dhcp.lease_seconds")
    lines = ["# Made by luna; changes are lost."]
    lines += [f"default-lease-time {lease_s};", f"max-lease-time {lease_s};", "ddns-update-style none;"]
    lines += _definitions(family)
    for wire in segments(plan, family):
        subnets = [line for scope in wire for line in _subnet(scope, plan.cluster)]
        lines += _block(f'shared-network "{wire[0].network.name}"', subnets) if len(wire) > 1 else subnets
    lines += _silent_subnets(plan, family)
    lines += [line for scope in scopes(plan, family) for host in scope.hosts for line in _reservation(host)]
    return "\n".join(lines) + "\n"


def _definitions(family: Family) -> Iterator[str]:
    if family == 6:
        yield "option dhcp6.user-class code 15 = string;"
        yield "option dhcp6.vendor-class code 16 = string;"
        yield "option dhcp6.boot-architecture code 61 = unsigned integer 16;"
        return
    # Firmware, iPXE and system each give another client identifier; by MAC alone they are one client.
    yield from ("ignore-client-uids true;", "ping-check false;")
    yield "option boot-architecture code 93 = unsigned integer 16;"
    yield "option space ipxe;"
    yield f"option ipxe.no-pxedhcp code {IPXE_NO_PROXY_DHCP} = unsigned integer 8;"
    yield f"option ipxe-options code {IPXE_OPTION} = encapsulate ipxe;"


def _subnet(scope: Scope, cluster: Cluster) -> Iterator[str]:
    is_v6 = scope.subnet.network.version == 6
    lines = ["authoritative;"]
    if scope.subnet.dhcp_range:
        first, last = scope.subnet.dhcp_range
        lines.append(f"range{'6' if is_v6 else ''} {first} {last};")
    lines += _options_v6(scope) if is_v6 else _options_v4(scope)
    if scope.frontend:
        lines += (boot_v6 if is_v6 else boot_v4)(cluster, scope.frontend)
    yield from _block(_heading(scope.subnet.network), lines)


def _silent_subnets(plan: NetworkPlan, family: Family) -> Iterator[str]:
    # dhcpd listens on an interface, for relays too, only if it knows the subnet there.
    served = {scope.subnet.network for scope in scopes(plan, family)}
    known = [subnet.network for network in plan.networks for subnet in network.subnets]
    for subnet in known:
        if subnet.version == family and subnet not in served:
            yield f"{_heading(subnet)} {{}}"


def _heading(subnet: IPNetwork) -> str:
    return f"subnet6 {subnet}" if subnet.version == 6 else f"subnet {subnet.network_address} netmask {subnet.netmask}"


def _options_v4(scope: Scope) -> Iterator[str]:
    if scope.subnet.gateway:
        yield f"option routers {scope.subnet.gateway};"
    yield f'option domain-name "{scope.network.domain}";'
    yield f'option domain-search "{scope.network.domain}";'
    if scope.nameservers:
        yield f"option domain-name-servers {_listed(scope.nameservers)};"
    if scope.ntp_servers:
        yield f"option ntp-servers {_listed(scope.ntp_servers)};"
    if scope.network.mtu:
        yield f"option interface-mtu {scope.network.mtu};"


def _options_v6(scope: Scope) -> Iterator[str]:
    yield f'option dhcp6.domain-search "{scope.network.domain}";'
    if scope.nameservers:
        yield f"option dhcp6.name-servers {_listed(scope.nameservers)};"
    if scope.ntp_servers:
        yield f"option dhcp6.sntp-servers {_listed(scope.ntp_servers)};"


def _reservation(host: Host) -> Iterator[str]:
    # The name of a declaration must be unique; a host may have several cards, and a card several addresses.
    name = f"{host.name}-{host.address}".replace(":", "-")
    fixed = "fixed-address6" if host.address.version == 6 else "fixed-address"
    lines = [f"hardware ethernet {host.mac};", f"{fixed} {host.address};"]
    if host.address.version == 4:
        lines.append(f'option host-name "{host.name}";')
    yield f"host {name} {{ {' '.join(lines)} }}"


def _listed(addresses: Iterable[IPAddress]) -> str:
    return ", ".join(map(str, addresses))


def _block(heading: str, lines: Iterable[str]) -> list[str]:
    return [f"{heading} {{", *(f"    {line}" for line in lines), "}"]
