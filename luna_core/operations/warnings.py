"""What a change permits but a boot would not: said at once, for the next boot may be months away."""

from collections.abc import Iterator

from luna_core.model import Cluster, Group, Network, Node, OsImage
from luna_core.operations.images.facts import find_version, no_squashfs
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work

_FIELDS = ("root", "osimage", "image_version", "group", "parent")


def warnings_of(work: Work) -> list[str]:
    """A sentence for each object that this transaction gave something that its nodes can't boot with."""
    return [*_overlays(work), *_frontends(work)]


def _frontends(work: Work) -> Iterator[str]:
    """The controller's addresses don't follow a network that is renumbered: it has them, or not, on its own cards."""
    moved = [one.before for one in work.changes() if isinstance(one.before, Network)]
    for cluster in work.all(Cluster) if moved else ():
        for address in cluster.frontend_addresses:
            left = next((network for network in moved if network.subnet_of(address)), None)
            if left and not any(network.subnet_of(address) for network in work.all(Network)):
                yield (
                    f"cluster {cluster.name}: frontend_addresses: {address} was in network {left.name}, and is in none "
                    "now. Nodes boot from it: 'luna cluster change --frontend-address' says what the controller has."
                )


def _overlays(work: Work) -> Iterator[str]:
    lineages = Lineages(work)
    for change in work.changes():
        one = change.after
        if not isinstance(one, Cluster | Group | Node):
            continue
        if all(getattr(change.before, field, None) == getattr(one, field, None) for field in _FIELDS):
            continue
        values = {field: _said(lineages, one, field) for field in _FIELDS[:3]}
        if values["root"] != "overlay" or values["osimage"] is None:
            continue
        image = work.by_id(OsImage, str(values["osimage"]))
        version = find_version(work, image, int(str(values["image_version"] or image.latest)))
        if version is not None and not version.squashfs_bytes:
            yield f"{one.kind} {one.name}: root: overlay was given, but {no_squashfs(image.name, version.number)}"


def _said(lineages: Lineages, one: Cluster | Group | Node, field: str) -> object:
    if isinstance(one, Cluster):
        return getattr(one, field)
    return (
        lineages.of(one.group).say(field, one).value if isinstance(one, Node) else lineages.of(one.id).say(field).value
    )
