"""What must hold between objects, beyond what each says of itself."""

from collections.abc import Iterator
from itertools import combinations

from luna_core.errors import BadInput
from luna_core.model import DEVICES, Cluster, Device, Group, Network, Node, OsImage, SettingValue
from luna_core.model.base import StoredObject
from luna_core.model.objects import ImageVersion
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work


def refuse_misfits(work: Work) -> None:
    """Raise BadInput for the first thing that a change of this transaction breaks."""
    changed = [change.after for change in work.changes() if change.after]
    for problem in _problems(work, changed):
        raise BadInput(problem)


def problems(work: Work) -> Iterator[str]:
    """Everything in the cluster that doesn't fit together, each as a sentence. For `luna doctor`."""
    everything: list[StoredObject] = []
    models: tuple[type[StoredObject], ...] = (Cluster, Network, OsImage, Group, Node, *DEVICES)
    for model in models:
        everything += work.all(model)
    yield from _problems(work, everything)


def _problems(work: Work, objects: list[StoredObject]) -> Iterator[str]:
    lineages = Lineages(work)
    if any(not isinstance(one, Cluster | SettingValue) for one in objects) and not work.all(Cluster):
        yield "There is no cluster yet: begin with 'luna cluster init --frontend-address ADDRESS'."
    if any(isinstance(one, Network) for one in objects):
        yield from _overlaps(work.all(Network))
    for one in objects:
        if isinstance(one, Group):
            lineages.of(one.id)
            yield from _interface_problems(one.kind, one.name, set(lineages.of(one.id).group_interfaces), one)
        if isinstance(one, Node):
            yield from _interface_problems(one.kind, one.name, set(lineages.of(one.group).interfaces(one)), one)
        if isinstance(one, Device):
            yield from _device_problems(work, one)
        if isinstance(one, Group | Node | Cluster):
            yield from _version_problems(work, one, lineages)


def _overlaps(networks: list[Network]) -> Iterator[str]:
    subnets = [(network, subnet) for network in networks for subnet in network.subnets]
    for (one, here), (other, there) in combinations(subnets, 2):
        if here.family == there.family and here.network.overlaps(there.network):
            yield (
                f"network {one.name}: subnets: {here.network} overlaps {there.network} of network {other.name}; "
                "accepted is a subnet that no other network covers."
            )


def _interface_problems(kind: str, name: str, known: set[str], said: Group | Node) -> Iterator[str]:
    for interface, spec in said.interfaces.items():
        for field, others in (("members", spec.members or ()), ("parent", [spec.parent] if spec.parent else [])):
            if unknown := sorted(set(others) - known):
                yield (
                    f"{kind} {name}: interfaces.{interface}.{field}: {unknown[0]!r} was given; "
                    f"accepted are its interfaces {', '.join(sorted(known))}."
                )
            if interface in others:
                yield f"{kind} {name}: interfaces.{interface}.{field}: accepted is another interface than itself."


def _device_problems(work: Work, device: Device) -> Iterator[str]:
    for one in device.addresses:
        if one.network is None:
            continue
        network = work.by_id(Network, one.network)
        subnet = network.subnet_of(one.address)
        if subnet is None or not subnet.is_usable(one.address):
            accepted = " or ".join(str(subnet.network) for subnet in network.subnets) or "none, it has no subnet"
            yield (
                f"{device.kind} {device.name}: addresses: {one.address} was given; "
                f"accepted is a host's address in network {network.name}: {accepted}."
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
