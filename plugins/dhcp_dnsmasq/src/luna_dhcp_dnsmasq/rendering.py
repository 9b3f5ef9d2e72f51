"""The text of dnsmasq's configuration: options as in dnsmasq(8), one a line.

Tags carry the conditions: `network-NAME` is set by the subnet, `ipxe` and the kinds of firmware by the request.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address
from itertools import permutations
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.services import configured
from luna_core.services.boot_files import (
    FIRMWARE,
    HTTP_VENDOR_CLASS,
    IPXE_NO_PROXY_DHCP,
    IPXE_OPTION,
    IPXE_USER_CLASS,
    boot_file,
    boot_url,
    script_url,
)
from luna_core.services.listening import interfaces
from luna_core.services.scopes import Scope, scopes, segments
from luna_core.services.state import state_path
from luna_core.services.words import plain
from luna_core.types import Cluster, NetworkPlan, Subnet

CONFIGURATION = "dnsmasq.conf"
HOSTS = "reservations"

# A limit against floods that dnsmasq sets at 1000; the pools' sizes are limit enough.
LEASE_LIMIT = 1_000_000


def configuration(plan: NetworkPlan, directory: Path) -> str:
    """All but the reservations."""
    lines = [*_process(plan.cluster, directory), *_requests()]
    for scope in scopes(plan, 4):
        lines += [*_range(scope, plan.cluster), *_options(scope), *_boot(scope, plan.cluster)]
    for scope in scopes(plan, 6):
        lines += [*_range_v6(scope, plan.cluster), *_options_v6(scope), *_boot_v6(scope, plan.cluster)]
    lines += [*_shared(plan), *_advertisements(plan)]
    return "\n".join(lines) + "\n"


def reservations(plan: NetworkPlan) -> str:
    """The file of reservations, in the form of --dhcp-hostsfile."""
    lines = []
    for scope in (*scopes(plan, 4), *scopes(plan, 6)):
        for host in scope.hosts:
            address = f"[{host.address}]" if isinstance(host.address, IPv6Address) else host.address
            lines.append(f"{host.mac},{address},{host.name}\n")
    return "".join(lines)


def _process(cluster: Cluster, directory: Path) -> Iterator[str]:
    tftp = plain(configured.text(cluster, "tftp.directory"), "setting tftp.directory")
    yield from ("# Made by luna; changes are lost.", "port=0", "bind-dynamic", "pid-file=", "log-facility=-")
    yield from (f"interface={name}" for name in interfaces(cluster))
    yield from ("dhcp-authoritative", "dhcp-ignore-clid", "no-ping", f"dhcp-lease-max={LEASE_LIMIT}")
    yield f"dhcp-leasefile={state_path(directory) / 'dnsmasq.leases'}"
    yield f"dhcp-hostsfile={plain(str(directory / HOSTS), 'directory')}"
    yield from ("enable-tftp", f"tftp-root={tftp}", "tftp-no-fail")


def _requests() -> Iterator[str]:
    yield f"dhcp-match=set:ipxe,{IPXE_OPTION}"
    yield f"dhcp-userclass=set:ipxe,{IPXE_USER_CLASS}"
    yield f"dhcp-option=tag:ipxe,encap:{IPXE_OPTION},{IPXE_NO_PROXY_DHCP},1b"
    for firmware in FIRMWARE:
        for architecture in firmware.architectures:
            yield f"dhcp-match=set:{firmware.name},option:client-arch,{architecture}"
            yield f"dhcp-match=set:{firmware.name},option6:61,00:{architecture:02x}"
        if firmware.http:
            yield f"dhcp-option-force=tag:{firmware.name},tag:!ipxe,60,{HTTP_VENDOR_CLASS}"
            # dnsmasq writes nothing but texts after their lengths. The first stands where the enterprise number goes,
            # which EDK II, of which firmware is made, doesn't look at (HttpBootDhcp6.c, HttpBootParseDhcp6Packet).
            yield f"dhcp-option-force=tag:{firmware.name},tag:!ipxe,option6:16,lu,{HTTP_VENDOR_CLASS}"


def _range(scope: Scope, cluster: Cluster) -> Iterator[str]:
    lease_s = configured.number(cluster, "dhcp.lease_seconds")
    network = scope.subnet.network
    first, last = scope.subnet.dhcp_range or (network.network_address, "static")
    yield f"dhcp-range=set:network-{scope.network.name},{first},{last},{network.netmask},{lease_s}"


def _options(scope: Scope) -> Iterator[str]:
    tag = f"dhcp-option=tag:network-{scope.network.name}"
    # Without a value, dnsmasq sends no option; without the line, it would name itself as router.
    yield f"{tag},option:router{f',{scope.subnet.gateway}' if scope.subnet.gateway else ''}"
    yield f"{tag},option:domain-name,{scope.network.domain}"
    yield f"{tag},option:domain-search,{scope.network.domain}"
    yield f"{tag},option:dns-server{''.join(f',{server}' for server in scope.nameservers)}"
    if scope.ntp_servers:
        yield f"{tag},option:ntp-server,{','.join(map(str, scope.ntp_servers))}"
    if scope.network.mtu:
        yield f"{tag},option:mtu,{scope.network.mtu}"


def _boot(scope: Scope, cluster: Cluster) -> Iterator[str]:
    if not scope.frontend:
        return
    tag = f"dhcp-boot=tag:network-{scope.network.name}"
    yield f"{tag},tag:ipxe,{script_url(cluster, scope.frontend)},,{scope.frontend}"
    for firmware in FIRMWARE:
        file = boot_file(cluster, firmware, scope.frontend)
        yield f"{tag},tag:{firmware.name},tag:!ipxe,{file},,{scope.frontend}"


def _range_v6(scope: Scope, cluster: Cluster) -> Iterator[str]:
    lease_s = configured.number(cluster, "dhcp.lease_seconds")
    network = scope.subnet.network
    if network.prefixlen < 64:
        raise BadInput(f"network {scope.network.name}: subnet {network} was given; dnsmasq accepts /64 to /128.")
    first, last = scope.subnet.dhcp_range or (network.network_address, "static")
    yield f"dhcp-range=set:network-{scope.network.name},{first},{last},{network.prefixlen},{lease_s}"


def _options_v6(scope: Scope) -> Iterator[str]:
    tag = f"dhcp-option=tag:network-{scope.network.name}"
    yield f"{tag},option6:domain-search,{scope.network.domain}"
    if scope.nameservers:
        yield f"{tag},option6:dns-server,{','.join(f'[{server}]' for server in scope.nameservers)}"
    if scope.ntp_servers:
        yield f"{tag},option6:sntp-server,{','.join(f'[{server}]' for server in scope.ntp_servers)}"


def _boot_v6(scope: Scope, cluster: Cluster) -> Iterator[str]:
    if not scope.frontend:
        return
    tag = f"dhcp-option=tag:network-{scope.network.name}"
    yield f"{tag},tag:ipxe,option6:bootfile-url,{script_url(cluster, scope.frontend)}"
    for firmware in FIRMWARE:
        url = boot_url(cluster, firmware, scope.frontend)
        yield f"{tag},tag:{firmware.name},tag:!ipxe,option6:bootfile-url,{url}"


def _shared(plan: NetworkPlan) -> Iterator[str]:
    for wire in segments(plan, 4):
        for arrival, other in permutations(wire, 2):
            local = arrival.frontend if arrival.frontend and arrival.frontend in arrival.subnet.network else None
            for address in dict.fromkeys((local, arrival.subnet.gateway)):
                if address:
                    yield f"shared-network={address},{other.subnet.network.network_address}"


def _advertisements(plan: NetworkPlan) -> Iterator[str]:
    served = scopes(plan, 6)
    dynamic = {scope.network.name for scope in served}
    beside = {scope.network.name for scope in scopes(plan, 4)} - dynamic
    quiet = [one for network in plan.networks if network.name in beside for one in _v6(network.subnets) if _is_64(one)]
    if not served and not quiet:
        return
    yield "enable-ra"
    # iPXE waits 13 s for an advertisement that doesn't come, so a network without DHCPv6 gets one too.
    yield from (f"dhcp-range={subnet.network.network_address},ra-only" for subnet in quiet)
    gateways = {subnet.gateway for network in plan.networks for subnet in _v6(network.subnets)} - {None}
    if not gateways or not gateways <= set(plan.cluster.frontend_addresses):
        yield "ra-param=*,0,0"


def _v6(subnets: tuple[Subnet, ...]) -> list[Subnet]:
    return [subnet for subnet in subnets if subnet.network.version == 6]


def _is_64(subnet: Subnet) -> bool:
    # The only length that hosts make addresses of by themselves (RFC 4862 section 5.5.3, RFC 2464 section 4).
    return subnet.network.prefixlen == 64
