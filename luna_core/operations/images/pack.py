"""An osimage's tree becomes a version: packed, published, put in force in one transaction, told of, older ones retired.

However a pack ends, the version in force is whole; what a crash leaves is found by the next pack or by `sweep`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from luna_core import types
from luna_core.boot.compress import BEST_LEVEL, is_xz
from luna_core.boot.initramfs import largest_files
from luna_core.chroot.paths import resolve
from luna_core.errors import BadInput, LunaError
from luna_core.image.pack import Packed, Progress, Source, pack
from luna_core.image.versions import load_version
from luna_core.interfaces import Distro
from luna_core.model import ImageVersion, OsImage
from luna_core.node.manifest import Package
from luna_core.operations import Luna
from luna_core.operations.images.facts import distro_of, find_version, image_facts, kernel_of, versions_of
from luna_core.operations.images.initramfs import initramfs_of
from luna_core.operations.images.lease import lease
from luna_core.operations.images.locks import tree_lock, versions_lock
from luna_core.operations.images.versions import retire_held
from luna_core.operations.work import Work

EMPTIED = ("/etc/machine-id",)
LARGE_INITRAMFS_BYTES = 30_000_000


@dataclass(frozen=True, kw_only=True)
class PackResult:
    """A pack: the version that is now in force, whether it is new, and what could not go into it.

    `tree_bytes` is the size of the tree as it will be unpacked, `kernel_bytes` and `initramfs_bytes` those of what
    boots it; `private` names the files that only nodes get; `retired` are versions that retention deleted; `problems`
    are what went wrong beside it, such as a transport that doesn't offer the version while others do.
    """

    version: ImageVersion
    is_new: bool
    was_in_force: bool
    new_bytes: int
    tree_bytes: int
    kernel_bytes: int
    initramfs_bytes: int
    left_out: tuple[str, ...]
    private: tuple[str, ...]
    retired: tuple[int, ...]
    problems: tuple[str, ...]


def pack_image(luna: Luna, name: str, progress: Progress, *, fresh: bool = False) -> PackResult:
    """Freeze an osimage's tree into a version and put it in force, in one step after everything is published.

    A tree that did not change gives the version that there is. `fresh` makes the initramfs anew in any case.
    Raises Conflict if the tree or the versions are in use, and what `luna_core.image.pack.pack` raises.
    """
    image = image_facts(luna, name)
    distro = distro_of(luna, image)
    if not image.path.is_dir():
        raise BadInput(f"osimage {name}: path: {image.path} is no directory; 'luna osimage build {name}' makes one.")
    held = tree_lock(luna.settings, name, image.path, "packing")
    with held, lease(luna, image.id, name, f"packing osimage {name}"):
        progress(0, 0, "preparing the tree")
        luna.hooks.luna_image_configure(image, image.path)
        initramfs = initramfs_of(luna, image, distro, progress, fresh=fresh)
        with versions_lock(luna.settings, f"packing osimage {name}"):
            packed = pack(
                source_of(luna, image, distro, initramfs),
                luna.settings.images_directory,
                previous=_in_force(luna, name),
                progress=progress,
            )
            return _publish(luna, name, image, packed)


def source_of(luna: Luna, image: types.Image, distro: Distro, initramfs: Path) -> Source:
    """What of an image is packed."""
    kernel = kernel_of(image, distro)
    return Source(
        image=image.name,
        tree=image.path,
        distro=image.distro,
        kernel_release=kernel.release,
        kernel=resolve(image.path, str(kernel.path)),
        initramfs=initramfs,
        packages=[Package(name=one, version=version) for one, version in distro.installed_packages(image.path)],
        excludes=distro.pack_excludes(),
        emptied=EMPTIED,
        private=(*distro.private_files(), *image.private_files),
        private_salt=luna.keyring.derive("private files"),
        private_owner=luna.keyring.owner(),
        squashfs=image.squashfs,
    )


def _in_force(luna: Luna, name: str) -> Path | None:
    """The files of the version in force, unless they are gone or damaged: then nothing is shared with them."""

    def find(work: Work) -> ImageVersion | None:
        image = work.get(OsImage, name)
        return find_version(work, image, image.latest)

    version = luna.read(find)
    directory = luna.settings.images_directory / version.manifest_sha256 if version else None
    try:
        if directory is not None:
            load_version(directory)
    except LunaError:
        return None
    return directory


def _publish(luna: Luna, name: str, image: types.Image, packed: Packed) -> PackResult:
    known, number, was_in_force = luna.read(lambda work: _known(work, name, packed.manifest_sha256))
    version = types.ImageVersion(
        image=image,
        number=number,
        manifest_sha256=packed.manifest_sha256,
        directory=packed.directory,
        size_bytes=packed.manifest.size_bytes,
    )
    luna.hooks.luna_transport_publish(version)
    if known is not None and was_in_force:
        stored = known
    else:
        stored = luna.change(lambda work: _put_in_force(work, name, image, packed, number), f"osimage pack {name}")
        luna.hooks.luna_image_packed(image, version)
    problems = [*_initramfs_is_large(image, packed)]
    problems += [f"plugin {one.plugin} failed in {one.hook}: {one.reason}" for one in luna.hooks.failures]
    retired: list[int] = []
    try:
        retired = retire_held(luna, name)
    except LunaError as error:
        problems.append(f"older versions were not deleted: {error}")
    return PackResult(
        version=stored,
        is_new=known is None,
        was_in_force=was_in_force,
        new_bytes=packed.new_bytes if known is None else 0,
        tree_bytes=packed.manifest.unpacked_bytes,
        kernel_bytes=packed.manifest.kernel.size_bytes,
        initramfs_bytes=packed.manifest.initramfs.size_bytes,
        left_out=packed.left_out,
        private=packed.private,
        retired=tuple(retired),
        problems=tuple(problems),
    )


def _initramfs_is_large(image: types.Image, packed: Packed) -> Iterator[str]:
    """Every node fetches all of it before BitTorrent can help."""
    size_bytes = packed.manifest.initramfs.size_bytes
    place = packed.directory / packed.manifest.initramfs.name
    if size_bytes <= LARGE_INITRAMFS_BYTES:
        return
    level = int(str(image.cluster.settings.get("image.initramfs_level", BEST_LEVEL)))
    if level < BEST_LEVEL:
        why = f"setting image.initramfs_level is {level}; at {BEST_LEVEL} it would be about a third smaller"
    elif not is_xz(place):
        why = "its kernel's configuration has no CONFIG_RD_XZ, by which it would be about a tenth smaller"
    else:
        files = largest_files(place)
        why = "largest in it, unpacked: " + ", ".join(f"{path} {size / 1e6:.1f} MB" for path, size in files)
    yield f"the initramfs has {size_bytes / 1e6:.1f} MB, which is much for each node to load at every boot: {why}"


def _known(work: Work, name: str, manifest_sha256: str) -> tuple[ImageVersion | None, int, bool]:
    """The image's version with these files, if there is one; its number, else the next; whether it is in force."""
    image = work.get(OsImage, name)
    versions = versions_of(work, image)
    known = next((one for one in versions if one.manifest_sha256 == manifest_sha256), None)
    number = known.number if known else max((one.number for one in versions), default=0) + 1
    return known, number, number == image.latest


def _put_in_force(work: Work, name: str, image: types.Image, packed: Packed, number: int) -> ImageVersion:
    stored = work.get(OsImage, name)
    version = find_version(work, stored, number)
    if version is None:
        version = ImageVersion.new(
            name=f"{name}-{number}",
            osimage=stored.id,
            number=number,
            manifest_sha256=packed.manifest_sha256,
            size_bytes=packed.manifest.size_bytes,
            squashfs_bytes=packed.manifest.squashfs_bytes,
            initramfs_bytes=packed.manifest.initramfs.size_bytes,
            packed_at=datetime.now(UTC).isoformat(timespec="seconds"),
            distro=image.distro,
        )
        work.put(version)
    work.put(stored.changed(latest=number, distro=image.distro))
    return version
