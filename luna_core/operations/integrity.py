"""What must hold between objects, beyond what each says of itself."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from luna_core.errors import BadInput
from luna_core.model import (
    KINDS,
    Cluster,
    Device,
    Group,
    ImageVersion,
    InterfaceSpec,
    Network,
    Node,
    OsImage,
    SettingValue,
    StoredObject,
    Switch,
)
from luna_core.model.fields import is_placeholder
from luna_core.model.objects import CONTROLLER, address_key
from luna_core.operations.addresses import misfit_of
from luna_core.operations.inherit import Lineages, the_cluster
from luna_core.operations.work import Change, Work

# The largest that an InfiniBand link carries, 4096, less the header of RFC 4391, which connected mode hides.
_DATAGRAM_MTU = 4092
_ABOUT_DISKS = ("disks", "root", "partscript", "local_boot", "local_boot_after_install")


def refuse_misfits(work: Work) -> None:
    """Raise BadInput for the first thing that a change of this transaction breaks, in it or in what depends on it."""
    changes = work.changes()
    for change in changes:
        if isinstance(change.before, Cluster) and change.after is None:
            _refuse_headless(work)
    with work.relying_on_references():
        for problem in _problems(work, _affected(work, changes)):
            raise BadInput(problem)


def problems(work: Work) -> Iterator[str]:
    """Everything in the cluster that doesn't fit together, each as a sentence. For `luna doctor`."""
    everything: list[StoredObject] = []
    for model in KINDS.values():
        everything += work.all(model)
    yield from _problems(work, everything)


def _refuse_headless(work: Work) -> None:
    if not work.all(Cluster) and any(work.all(model) for model in KINDS.values()):
        raise BadInput("cluster: it can't be removed while the store has other objects; accepted is an empty store.")


def _affected(work: Work, changes: list[Change]) -> list[StoredObject]:
    """What changed, and what relies on it: members of groups, users of networks and switches, who pin a version."""
    found: dict[str, StoredObject] = {}
    waiting: list[StoredObject] = [change.after for change in changes if change.after]
    subjects = [change.subject for change in changes]
    if any(isinstance(one, Cluster | ImageVersion) for one in subjects):
        pinned: tuple[type[Cluster | Group | Node], ...] = (Cluster, Group, Node)
        waiting += (one for model in pinned for one in work.all(model) if one.image_version)
    if any(isinstance(one, Cluster) for one in subjects):
        waiting += work.all(Network)
    waiting += (user for change in changes if _is_of_mtu(change) for user in work.users(change.subject))
    while waiting:
        one = waiting.pop()
        if one.id not in found:
            found[one.id] = one
            if isinstance(one, Group | Switch):
                waiting += work.users(one)
            if isinstance(one, Network):
                waiting += (user for user in work.users(one) if isinstance(user, Device))
    return list(found.values())


def _is_of_mtu(change: Change) -> bool:
    before, after = change.before, change.after
    return isinstance(before, Network) and isinstance(after, Network) and before.mtu != after.mtu


def _problems(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    lineages = Lineages(work)
    if any(not isinstance(one, Cluster | SettingValue) for one in objects) and not work.all(Cluster):
        yield "There is no cluster yet: begin with 'luna cluster init --frontend-address ADDRESS'."
        return
    networks = [one for one in objects if isinstance(one, Network)]
    if networks:
        yield from _overlaps(work.all(Network))
    for network in networks:
        yield from _controller_problems(work, network)
    for one in objects:
        if isinstance(one, Node | Device) and one.name == CONTROLLER:
            yield f"{one.kind} {one.name}: name: accepted is another, for this is the controller's in DNS."
        if isinstance(one, Group):
            yield from _interface_problems(one, set(lineages.of(one.id).group_interfaces))
            yield from _infiniband_problems(work, one, lineages.of(one.id).group_interfaces)
        if isinstance(one, Node):
            yield from _interface_problems(one, set(lineages.of(one.group).interfaces(one)))
            yield from _infiniband_problems(work, one, lineages.of(one.group).interfaces(one))
            yield from _port_problems(work, one)
            yield from _number_problems(one)
        if isinstance(one, Device):
            yield from _device_problems(work, one)
        if isinstance(one, Group | Node | Cluster):
            yield from _version_problems(work, one, lineages)
            yield from _disk_problems(one, lineages)


def _overlaps(networks: list[Network]) -> Iterator[str]:
    subnets = [(network, subnet) for network in networks for subnet in network.subnets]
    for (one, here), (other, there) in combinations(subnets, 2):
        if here.family == there.family and here.network.overlaps(there.network):
            yield (
                f"network {one.name}: subnets: {here.network} overlaps {there.network} of network {other.name}; "
                "accepted is a subnet that no other network covers."
            )


def _controller_problems(work: Work, network: Network) -> Iterator[str]:
    for address in the_cluster(work).frontend_addresses:
        subnet = network.subnet_of(address)
        where = f"cluster {the_cluster(work).name}: frontend_addresses: {address} was given"
        if subnet is None:
            continue
        if not subnet.is_usable(address):
            yield f"{where}; accepted is a host's address in {subnet.network}."
        if subnet.dhcp_range and address in subnet.dhcp_range:
            yield f"{where}; accepted is one outside the DHCP range {subnet.dhcp_range} of network {network.name}."
        key = address_key(network.id, address)
        for owner in work.owners(key.space, key.value, key.value):
            for holder in work.many(KINDS[owner.kind], [owner.id]):
                if key in holder.unique_keys():
                    yield f"{where}; it belongs to {holder.kind} {holder.name}. Accepted is one that is free."


def _port_problems(work: Work, node: Node) -> Iterator[str]:
    if node.switch and node.port:
        switch = work.by_id(Switch, node.switch)
        if node.port.lower() in (uplink.lower() for uplink in switch.uplinks):
            yield (
                f"node {node.name}: port: {node.port} was given; accepted is none of the uplinks of switch "
                f"{switch.name}: {', '.join(switch.uplinks)}."
            )


def _number_problems(node: Node) -> Iterator[str]:
    for field, number in (("serial", node.serial), ("asset_tag", node.asset_tag)):
        if number is not None and is_placeholder(number):
            yield (
                f"node {node.name}: {field}: {number!r} was given; accepted is the machine's own, not what "
                "firmware says where there is none."
            )


def _interface_problems(owner: Group | Node, known: set[str]) -> Iterator[str]:
    kind, name = owner.kind, owner.name
    for interface, spec in owner.interfaces.items():
        for field, others in (("members", spec.members or ()), ("parent", [spec.parent] if spec.parent else [])):
            if unknown := sorted(set(others) - known):
                yield (
                    f"{kind} {name}: interfaces.{interface}.{field}: {unknown[0]!r} was given; "
                    f"accepted are its interfaces {', '.join(sorted(known))}."
                )
            if interface in others:
                yield f"{kind} {name}: interfaces.{interface}.{field}: accepted is another interface than itself."


def _infiniband_problems(work: Work, owner: Group | Node, specs: Mapping[str, InterfaceSpec]) -> Iterator[str]:
    for interface, spec in specs.items():
        where = f"{owner.kind} {owner.name}: interfaces.{interface}"
        if spec.type != "infiniband":
            if spec.infiniband_mode:
                yield (
                    f"{where}.infiniband_mode: {spec.infiniband_mode} was given; "
                    "accepted is one only with type infiniband."
                )
            continue
        networks = (work.by_id(Network, one) for one in spec.networks or ())
        given = [("mtu", spec.mtu), *((f"mtu of network {one.name}", one.mtu) for one in networks)]
        field, mtu = next(((field, mtu) for field, mtu in given if mtu), ("mtu", 0))
        if mtu > _DATAGRAM_MTU and spec.infiniband_mode != "connected":
            yield (
                f"{where}.{field}: {mtu} was given; accepted is at most {_DATAGRAM_MTU}, and 65520 with "
                "infiniband_mode connected, where the card has it."
            )


def _device_problems(work: Work, device: Device) -> Iterator[str]:
    for one in device.addresses:
        if one.network is None:
            continue
        if misfit := misfit_of(work, one.network, one.address):
            yield f"{device.kind} {device.name}: addresses: {one.address} was given; {misfit}"


def _disk_problems(profile: Cluster | Group | Node, lineages: Lineages) -> Iterator[str]:
    if isinstance(profile, Cluster):
        said: list[Any] = [getattr(profile, field) for field in _ABOUT_DISKS]
    else:
        lineage = lineages.of(profile.group if isinstance(profile, Node) else profile.id)
        node = profile if isinstance(profile, Node) else None
        said = [lineage.say(field, node).value for field in _ABOUT_DISKS]
    layout, root, script, *local = said
    if layout and root == "disk" and not script and not layout.mounts_root():
        yield (
            f"{profile.kind} {profile.name}: disks: no mount at / was given; accepted with root: disk is a layout with "
            "one, or a partscript beside it that mounts $NEWROOT."
        )
    if layout and root == "disk" and any(local) and (fields := layout.opened_by_key()):
        yield (
            f"{profile.kind} {profile.name}: disks: encrypt: key was given in {', '.join(fields)}, which only "
            "luna opens; accepted with local_boot and local_boot_after_install is encrypt: tpm."
        )


def _version_problems(work: Work, profile: Cluster | Group | Node, lineages: Lineages) -> Iterator[str]:
    if profile.image_version is None:
        return
    if isinstance(profile, Node):
        image = lineages.of(profile.group).say("osimage", profile).value
    else:
        image = lineages.of(profile.id).say("osimage").value if isinstance(profile, Group) else profile.osimage
    where = f"{profile.kind} {profile.name}: image_version: {profile.image_version} was given"
    if image is None:
        yield f"{where}; accepted is one only where an osimage is chosen."
        return
    numbers = [version.number for version in work.all(ImageVersion) if version.osimage == image]
    if profile.image_version not in numbers:
        accepted = ", ".join(map(str, sorted(numbers))) or "none, it was never packed"
        yield f"{where}; accepted are versions of osimage {work.by_id(OsImage, image).name}: {accepted}."
