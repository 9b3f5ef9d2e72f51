"""The facts that plugins, scripts and network services get: everything inherited is worked out, names stand for ids."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from luna_core import types
from luna_core.model import ImageVersion, Network, Node, NodeInterface, NodeState, OsImage, Switch
from luna_core.operations.inherit import Lineage, Lineages, the_cluster
from luna_core.operations.nodes import states
from luna_core.operations.work import Work

UNKNOWN = "unknown"


@dataclass
class Known:
    """What was worked out of objects that have a history: good for any transaction until one of them changes."""

    lineages: dict[str, Lineage] = field(default_factory=dict)
    networks: dict[str, types.Network] = field(default_factory=dict)
    images: dict[str, OsImage] = field(default_factory=dict)
    nodes: dict[str, tuple[Node, types.Node]] = field(default_factory=dict)
    cluster: types.Cluster | None = None


class Resolver:
    """Makes facts of objects, each network and group worked out once, in a transaction or in all that share `known`."""

    def __init__(self, work: Work, settings: Mapping[str, types.SettingValue], known: Known | None = None) -> None:
        self._work = work
        self._settings = settings
        self._known = known or Known()
        self._lineages = Lineages(work, self._known.lineages)
        self._has_asked = False
        self._states: dict[str, str] | None = None

    def cluster(self) -> types.Cluster:
        """The cluster with all settings."""
        if self._known.cluster is None:
            stored = the_cluster(self._work)
            self._known.cluster = types.Cluster(
                name=stored.name,
                domain=stored.domain,
                frontend_addresses=stored.frontend_addresses,
                nameservers=stored.nameservers,
                ntp_servers=stored.ntp_servers,
                settings=self._settings,
            )
        return self._known.cluster

    def network(self, identity: str) -> types.Network:
        """A network; what it doesn't say of nameservers and time servers, the cluster does."""
        if identity not in self._known.networks:
            stored = self._work.by_id(Network, identity)
            self._known.networks[identity] = types.Network(
                name=stored.name,
                domain=stored.zone,
                type=stored.type,
                subnets=tuple(
                    types.Subnet(
                        network=subnet.network,
                        gateway=subnet.gateway,
                        dhcp_range=(subnet.dhcp_range.first, subnet.dhcp_range.last) if subnet.dhcp_range else None,
                    )
                    for subnet in stored.subnets
                ),
                nameservers=stored.nameservers or self.cluster().nameservers,
                ntp_servers=stored.ntp_servers or self.cluster().ntp_servers,
                mtu=stored.mtu,
                vlan=stored.vlan,
                gateway_metric=stored.gateway_metric,
            )
        return self._known.networks[identity]

    def node(self, stored: Node) -> types.Node:
        """A node as it is to boot."""
        known = self._known.nodes.get(stored.id)
        if known is None or known[0] != stored:
            known = self._known.nodes[stored.id] = stored, self._node(stored)
        return replace(known[1], state=self._state(stored))

    def _node(self, stored: Node) -> types.Node:
        """All of a node but its state, which has no history."""
        lineage = self._lineages.of(stored.group)
        image = lineage.say("osimage", stored).value
        return types.Node(
            id=stored.id,
            name=stored.name,
            cluster=self.cluster(),
            group=lineage.groups[0].name,
            image=self.stored_image(image).name if image else None,
            interfaces=tuple(self._interface(stored, name, spec) for name, spec in lineage.interfaces(stored).items()),
            tags=lineage.tags(stored),
            switch=self._work.by_id(Switch, stored.switch).name if stored.switch else None,
            switch_port=stored.port,
            rack=stored.rack,
            kernel_arguments=lineage.say("kernel_arguments", stored).value or "",
        )

    def stored_image(self, identity: str) -> OsImage:
        """An osimage as the store has it; raises NotFound."""
        if identity not in self._known.images:
            self._known.images[identity] = self._work.by_id(OsImage, identity)
        return self._known.images[identity]

    def image(self, stored: OsImage) -> types.Image:
        """An osimage."""
        return types.Image(
            id=stored.id,
            name=stored.name,
            distro=stored.distro,
            path=Path(stored.path),
            cluster=self.cluster(),
            kernel_version=stored.kernel_version,
            kernel_modules=stored.kernel_modules,
            dracut_modules=stored.dracut_modules,
            kernel_arguments=stored.kernel_arguments,
            options=stored.options,
            private_files=stored.private_files,
            squashfs=stored.squashfs,
        )

    def image_version(self, stored: ImageVersion, directory: Path) -> types.ImageVersion:
        """A version of an osimage, with the directory that holds its manifest."""
        return types.ImageVersion(
            image=self.image(self.stored_image(stored.osimage)),
            number=stored.number,
            manifest_sha256=stored.manifest_sha256,
            directory=directory,
            size_bytes=stored.size_bytes,
        )

    def lineage(self, stored: Node) -> Lineage:
        """Who speaks for a node."""
        return self._lineages.of(stored.group)

    def _state(self, stored: Node) -> str:
        """A boot asks for one node; who asks for a second one wants many, and all states are read at once."""
        if not self._has_asked:
            self._has_asked = True
            return next((one.state for one in self._work.many(NodeState, [stored.id])), UNKNOWN)
        if self._states is None:
            self._states = states(self._work)
        return self._states.get(stored.id, UNKNOWN)

    def _interface(self, node: Node, name: str, spec: NodeInterface) -> types.Interface:
        return types.Interface(
            name=name,
            type=spec.type or "ethernet",
            mac=spec.mac,
            addresses=tuple(self._address(one.network, one.address) for one in node.addresses if one.interface == name),
            dhcp=bool(spec.dhcp),
            mtu=spec.mtu or next((self.network(one).mtu for one in spec.networks or () if self.network(one).mtu), None),
            vlan=spec.vlan,
            parent=spec.parent,
            members=spec.members or (),
            bond_mode=spec.bond_mode,
            infiniband_mode=spec.infiniband_mode,
            options=spec.options or "",
        )

    def _address(self, network_id: str, address: types.IPAddress) -> types.InterfaceAddress:
        network = self.network(network_id)
        subnet = next(one for one in network.subnets if address in one.network)
        # To parse the text again would take twice as long.
        kind = IPv4Interface if address.version == 4 else IPv6Interface
        interface = kind((int(address), subnet.network.prefixlen))
        return types.InterfaceAddress(network=network, address=interface, gateway=subnet.gateway)
