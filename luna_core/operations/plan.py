"""What DHCP, DNS and hosts files are made of: every name and address of the cluster."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from luna_core.hostlist import natural
from luna_core.model import DEVICES, Network, Node, Switch
from luna_core.model.objects import CONTROLLER
from luna_core.operations.history import last_number
from luna_core.operations.inherit import Lineages, the_cluster
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.types import DnsRecord, Host, NetworkPlan, SettingValue

_NO_LABEL = re.compile(r"[^a-z0-9-]")

if TYPE_CHECKING:
    from luna_core.operations.session import Luna


def current_plan(luna: "Luna") -> NetworkPlan:
    """The plan as the cluster is now."""
    values = luna.cluster_settings()
    return luna.read(lambda work: network_plan(work, values))


def network_plan(work: Work, settings: Mapping[str, SettingValue]) -> NetworkPlan:
    """The plan of the whole cluster, its serial being the number of the newest change."""
    resolver = Resolver(work, settings)
    networks = work.all(Network)
    zones = {network.id: network.zone for network in networks}
    hosts = [*_controller(work, networks), *_nodes(work), *_devices(work)]
    names = {network.id: network.name for network in networks}
    return NetworkPlan(
        cluster=resolver.cluster(),
        networks=tuple(resolver.network(network.id) for network in networks),
        hosts=tuple(
            Host(name=host.name, network=names[host.network], address=host.address, mac=host.mac, kind=host.kind)
            for host in sorted(hosts, key=lambda one: (names[one.network], one.address.version, int(one.address)))
        ),
        records=tuple(
            DnsRecord(zone=zones[network.id], name=record.name, type=record.type, value=record.value)
            for network in networks
            for record in network.records
        ),
        serial=last_number(work.transaction),
    )


def _controller(work: Work, networks: list[Network]) -> Iterator[Host]:
    for address in the_cluster(work).frontend_addresses:
        for network in networks:
            if network.subnet_of(address):
                yield Host(name=CONTROLLER, network=network.id, address=address, kind="cluster")


def _nodes(work: Work) -> Iterator[Host]:
    """The first interface of a node in a network has the node's plain name there; others add their own."""
    lineages = Lineages(work)
    for node in work.all(Node):
        interfaces = lineages.of(node.group).interfaces(node)
        plain: dict[str, str] = {}
        for one in sorted(node.addresses, key=lambda one: (one.interface != "BOOTIF", natural(one.interface))):
            spec = interfaces[one.interface]
            if spec.dns_suffix is not None:
                suffix = f"-{spec.dns_suffix}" if spec.dns_suffix else ""
            else:
                first = plain.setdefault(one.network, one.interface)
                suffix = "" if first == one.interface else f"-{_NO_LABEL.sub('-', one.interface.lower())}"
            yield Host(name=node.name + suffix, network=one.network, address=one.address, mac=spec.mac)


def _devices(work: Work) -> Iterator[Host]:
    for model in DEVICES:
        for device in work.all(model):
            for one in device.addresses:
                if one.network:
                    yield Host(
                        name=device.name,
                        network=one.network,
                        address=one.address,
                        mac=one.mac,
                        kind="switch" if model is Switch else "otherdev",
                    )
