"""What the operations on osimages have in common: an image's facts, its driver, its kernel and its versions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from luna_core import types
from luna_core.drivers import known, load
from luna_core.errors import BadInput
from luna_core.interfaces import Distro
from luna_core.model import Cluster, Group, ImageVersion, Node, OsImage
from luna_core.operations.inherit import Lineages
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work

if TYPE_CHECKING:
    from luna_core.operations import Luna

AUTO = "auto"


def image_facts(luna: "Luna", name: str) -> types.Image:
    """What plugins are told of an osimage; its distro is recognised from its tree if that is left to luna."""
    values = luna.cluster_settings()
    image = luna.read(lambda work: Resolver(work, values).image(work.get(OsImage, name)))
    return image if image.distro != AUTO else recognised(luna, image)


def distro_of(luna: "Luna", image: types.Image) -> Distro:
    """The driver of an image's distribution."""
    return load("luna.distro", image.distro, luna.settings)


def kernel_of(image: types.Image, distro: Distro) -> types.Kernel:
    """The kernel that nodes boot: the one that the image names, else the newest. Raises BadInput."""
    kernels = distro.kernels(image.path)
    chosen = next((kernel for kernel in kernels if image.kernel_version in (None, kernel.release)), None)
    if chosen:
        return chosen
    if not kernels:
        raise BadInput(
            f"osimage {image.name}: {image.path} has no kernel with its modules; install a kernel package in it."
        )
    accepted = ", ".join(kernel.release for kernel in kernels)
    raise BadInput(f"osimage {image.name}: kernel_version: {image.kernel_version} was given; accepted are {accepted}.")


def versions_of(work: Work, image: OsImage) -> list[ImageVersion]:
    """The versions of an osimage, oldest first."""
    owners = work.owners(f"version:{image.id}")
    return work.many(ImageVersion, [owner.id for owner in owners])


def find_version(work: Work, image: OsImage, number: int) -> ImageVersion | None:
    """The version of that number, or None; what the image is called doesn't matter."""
    key = f"{number:08d}"
    owners = work.owners(f"version:{image.id}", key, key)
    return next(iter(work.many(ImageVersion, [owner.id for owner in owners])), None)


def get_version(work: Work, name: str, number: int) -> ImageVersion:
    """The version of that number; raises BadInput that lists those that there are."""
    image = work.get(OsImage, name)
    if found := find_version(work, image, number):
        return found
    accepted = ", ".join(str(one.number) for one in versions_of(work, image)) or "none, it was never packed"
    raise BadInput(f"osimage {name}: version {number} was given; accepted are {accepted}.")


def users_of(work: Work, version: ImageVersion) -> list[str]:
    """Who needs a version: the image in which it is in force, and whoever is pinned to it."""
    image = work.by_id(OsImage, version.osimage)
    users = [f"osimage {image.name}, in which it is in force"] if image.latest == version.number else []
    profiles: Sequence[Cluster | Group | Node] = [*work.all(Cluster), *work.all(Group), *work.all(Node)]
    pinned = [one for one in profiles if one.image_version == version.number]
    lineages = Lineages(work)
    return users + [f"{one.kind} {one.name}" for one in pinned if _image_of(lineages, one) == image.id]


def shares_files(work: Work, version: ImageVersion) -> bool:
    """Whether another version, of this image or another, has the very same files."""
    same = (one for one in work.all(ImageVersion) if one.manifest_sha256 == version.manifest_sha256)
    return any(one.id != version.id for one in same)


def no_squashfs(image: str, version: int) -> str:
    """The end of a sentence on a root that is an overlay, and what to do."""
    return (
        f"version {version} of osimage {image} has no squashfs for it; 'luna osimage change {image} --squashfs' and "
        f"'luna osimage pack {image}' make a version that has."
    )


def _image_of(lineages: Lineages, profile: Cluster | Group | Node) -> object:
    if isinstance(profile, Cluster):
        return profile.osimage
    if isinstance(profile, Node):
        return lineages.of(profile.group).say("osimage", profile).value
    return lineages.of(profile.id).say("osimage").value


def recognised(luna: "Luna", image: types.Image) -> types.Image:
    """The image with the distro that its tree is of; raises BadInput if there is no tree, or nobody knows it."""
    if not image.path.is_dir():
        raise BadInput(
            f"osimage {image.name}: path: {image.path} is no directory; 'luna osimage build {image.name}' or "
            f"'luna osimage import {image.name} --from …' makes the tree."
        )
    names = [driver.name for driver in known("luna.distro", luna.settings) if driver.status == "active"]
    for name in names:
        if load("luna.distro", name, luna.settings).recognises(image.path):
            return replace(image, distro=name)
    raise BadInput(
        f"osimage {image.name}: distro: {image.path} is of no known distribution; accepted are {', '.join(names)}: "
        f"'luna osimage change {image.name} --distro …' names one."
    )
