"""An osimage's life: built or imported, packed into versions, published, pinned, rolled back, deleted."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from luna_core import types
from luna_core.boot.initramfs import build_initramfs
from luna_core.drivers import known, load
from luna_core.errors import AlreadyExists, BadInput, InUse, LunaError
from luna_core.image.pack import Packed, Progress, Source, pack
from luna_core.image.versions import collect, remove_version
from luna_core.interfaces import Distro
from luna_core.model import Cluster, Group, ImageVersion, Node, OsImage
from luna_core.node.manifest import Package
from luna_core.operations.objects import change
from luna_core.operations.resolve import Resolver
from luna_core.operations.session import Luna
from luna_core.operations.work import Work

AUTO = "auto"
IMAGES = "images"
EMPTIED = ("/etc/machine-id",)


@dataclass(frozen=True, kw_only=True)
class PackResult:
    """A pack: the version that is now in force, whether it is new, and what could not go into it."""

    version: ImageVersion
    is_new: bool
    new_bytes: int
    left_out: tuple[str, ...]


def versions_directory(luna: Luna) -> Path:
    """Where image versions are kept and served from."""
    return luna.settings.state_directory / IMAGES


def facts(luna: Luna, name: str) -> types.Image:
    """What plugins are told of an osimage; its distro is recognised from its tree if that is left to luna."""
    values = luna.cluster_settings()
    image = luna.read(lambda work: Resolver(work, values).image(work.get(OsImage, name)))
    return image if image.distro != AUTO else _recognised(luna, image)


def build(luna: Luna, name: str, progress: Callable[[str], None]) -> Path:
    """Make an osimage's tree with its distribution's own tools; it appears complete or not at all.

    Raises BadInput if there is a tree already, CommandFailed with the package manager's last lines.
    """
    image = facts(luna, name)
    if image.path.exists() and any(image.path.iterdir()):
        raise AlreadyExists(f"osimage {name}: path: {image.path} is not empty; accepted is a new directory.")
    distro = load("luna.distro", image.distro, luna.settings)
    wanted = [answer.value for answer in luna.hooks.luna_image_packages(image)]
    extra = image.options.get("packages", "").split()
    packages = sorted({*distro.boot_packages(image), *wanted, *extra})
    with _draft(image.path) as draft:
        distro.build(image, draft, packages, progress)
        draft.chmod(0o755)
        if image.path.exists():
            image.path.rmdir()
        draft.rename(image.path)
    return image.path


def pack_image(luna: Luna, name: str, progress: Progress) -> PackResult:
    """Freeze an osimage's tree into a version and put it in force, in one step after everything is published.

    A tree that did not change gives the version that there is. However this ends, the version in force is whole.
    """
    image = facts(luna, name)
    distro = load("luna.distro", image.distro, luna.settings)
    luna.hooks.luna_image_configure(image, image.path)
    versions = versions_directory(luna)
    versions.mkdir(parents=True, exist_ok=True)
    packed = _pack(luna, image, distro, versions, progress)
    latest = luna.read(lambda work: _latest(work, name))
    if latest is not None and latest.manifest_sha256 == packed.manifest_sha256:
        return PackResult(version=latest, is_new=False, new_bytes=0, left_out=packed.left_out)
    number = luna.read(lambda work: max((one.number for one in _versions(work, name)), default=0)) + 1
    progress(0, 0, "publishing")
    version = _facts_of(image, packed, number)
    luna.hooks.luna_transport_publish(version)
    stored = luna.change(lambda work: _put_in_force(work, name, image, packed, number), f"osimage pack {name}")
    luna.hooks.luna_image_packed(image, version)
    retire(luna, name)
    return PackResult(version=stored, is_new=True, new_bytes=packed.new_bytes, left_out=packed.left_out)


def roll_back(luna: Luna, name: str, number: int) -> ImageVersion:
    """Put an earlier version in force; raises BadInput that lists the versions."""

    def operation(work: Work) -> ImageVersion:
        version = _version(work, name, number)
        change(work, OsImage, name, {"latest": number})
        return version

    return luna.change(operation, f"osimage version rollback {name} {number}")


def keep(luna: Luna, name: str, number: int, *, kept: bool) -> ImageVersion:
    """Exempt a version from retention, or no longer."""
    return luna.change(
        lambda work: change(work, ImageVersion, _version(work, name, number).name, {"keep": kept}),
        f"osimage version {'pin' if kept else 'unpin'} {name} {number}",
    )


def delete_version(luna: Luna, name: str, number: int) -> None:
    """Withdraw and delete a version; raises InUse if it is in force or a node, group or the cluster stays at it."""
    values = luna.cluster_settings()

    def check(work: Work) -> types.ImageVersion:
        version = _version(work, name, number)
        if users := _users(work, version):
            raise InUse(f"osimage {name}: version {number} can't be deleted: it is used by {', '.join(users)}.")
        return Resolver(work, values).image_version(version, versions_directory(luna) / version.manifest_sha256)

    gone = luna.read(check)
    luna.hooks.luna_transport_withdraw(gone)

    def forget(work: Work) -> bool:
        check(work)
        work.remove(_version(work, name, number))
        return any(
            one.manifest_sha256 == gone.manifest_sha256 and one.number != number for one in work.all(ImageVersion)
        )

    if not luna.change(forget, f"osimage version delete {name} {number}"):
        remove_version(gone.directory)


def retire(luna: Luna, name: str) -> list[int]:
    """Delete the oldest versions beyond the setting `image.keep_versions`, but for those in use or pinned."""
    most = int(str(luna.cluster_settings()["image.keep_versions"]))

    def surplus(work: Work) -> list[int]:
        found = _versions(work, name)
        old = found[: max(0, len(found) - most)]
        return [one.number for one in old if not one.keep and not _users(work, one)]

    numbers = luna.read(surplus)
    for number in numbers:
        delete_version(luna, name, number)
    return numbers


def sweep(luna: Luna) -> list[str]:
    """Delete what no version in the store needs: the rubbish of crashed packs. Returns the manifests' hashes."""
    needed = luna.read(lambda work: {one.manifest_sha256 for one in work.all(ImageVersion)})
    return collect(versions_directory(luna), needed)


def versions(work: Work, name: str) -> list[dict[str, object]]:
    """The versions of an osimage, oldest first, with who uses each."""
    image = work.get(OsImage, name)
    return [
        {
            "number": one.number,
            "in_force": one.number == image.latest,
            "packed_at": one.packed_at,
            "size_bytes": one.size_bytes,
            "keep": one.keep,
            "used_by": _users(work, one),
            "manifest_sha256": one.manifest_sha256,
        }
        for one in _versions(work, name)
    ]


def _recognised(luna: Luna, image: types.Image) -> types.Image:
    if not image.path.is_dir():
        raise BadInput(f"osimage {image.name}: path: {image.path} is no directory; build or import the tree first.")
    names = [driver.name for driver in known("luna.distro", luna.settings)]
    for name in names:
        if load("luna.distro", name, luna.settings).recognises(image.path):
            return replace(image, distro=name)
    raise BadInput(
        f"osimage {image.name}: distro: {image.path} is of no known distribution; accepted are {', '.join(names)}."
    )


def _pack(luna: Luna, image: types.Image, distro: Distro, versions: Path, progress: Progress) -> Packed:
    kernel = _kernel(image, distro)
    previous = luna.read(lambda work: _latest(work, image.name))
    with tempfile.TemporaryDirectory(dir=versions, prefix=".initramfs-") as directory:
        initramfs = Path(directory, "initramfs")
        progress(0, 0, "making the initramfs")
        files = [answer.value for answer in luna.hooks.luna_initrd_files(image)]
        build_initramfs(
            image.path, distro, image, kernel, initramfs, files, runtime_cache=luna.settings.state_directory / "runtime"
        )
        source = Source(
            image=image.name,
            tree=image.path,
            distro=image.distro,
            kernel_release=kernel.release,
            kernel=image.path / kernel.path.relative_to("/"),
            initramfs=initramfs,
            packages=[Package(name=one, version=version) for one, version in distro.installed_packages(image.path)],
            excludes=distro.pack_excludes(),
            emptied=EMPTIED,
        )
        known_version = versions / previous.manifest_sha256 if previous else None
        return pack(
            source,
            versions,
            previous=known_version if known_version and known_version.exists() else None,
            progress=progress,
        )


def _kernel(image: types.Image, distro: Distro) -> types.Kernel:
    kernels = distro.kernels(image.path)
    chosen = [kernel for kernel in kernels if image.kernel_version in (None, kernel.release)]
    if not chosen:
        accepted = ", ".join(kernel.release for kernel in kernels) or f"none, {image.path} has no kernel"
        raise BadInput(
            f"osimage {image.name}: kernel_version: {image.kernel_version} was given; accepted are {accepted}."
        )
    return chosen[0]


def _put_in_force(work: Work, name: str, image: types.Image, packed: Packed, number: int) -> ImageVersion:
    stored = work.get(OsImage, name)
    version = ImageVersion.new(
        name=f"{name}-{number}",
        osimage=stored.id,
        number=number,
        manifest_sha256=packed.manifest_sha256,
        size_bytes=packed.manifest.size_bytes,
        packed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        distro=image.distro,
    )
    work.put(version)
    work.put(stored.changed(latest=number, distro=image.distro))
    return version


def _facts_of(image: types.Image, packed: Packed, number: int) -> types.ImageVersion:
    return types.ImageVersion(
        image=image,
        number=number,
        manifest_sha256=packed.manifest_sha256,
        directory=packed.directory,
        size_bytes=packed.manifest.size_bytes,
    )


def _versions(work: Work, name: str) -> list[ImageVersion]:
    image = work.get(OsImage, name)
    owners = work.owners(f"version:{image.id}")
    return work.many(ImageVersion, [owner.id for owner in owners])


def _latest(work: Work, name: str) -> ImageVersion | None:
    image = work.get(OsImage, name)
    return work.find(ImageVersion, f"{name}-{image.latest}")


def _version(work: Work, name: str, number: int) -> ImageVersion:
    found = _versions(work, name)
    for one in found:
        if one.number == number:
            return one
    accepted = ", ".join(str(one.number) for one in found) or "none, it was never packed"
    raise BadInput(f"osimage {name}: version {number} was given; accepted are {accepted}.")


def _users(work: Work, version: ImageVersion) -> list[str]:
    image = work.by_id(OsImage, version.osimage)
    users = [f"osimage {image.name}, in which it is in force"] if image.latest == version.number else []
    profiles: Sequence[Cluster | Group | Node] = [*work.all(Cluster), *work.all(Group), *work.all(Node)]
    return users + [f"{one.kind} {one.name}" for one in profiles if one.image_version == version.number]


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A directory beside `path` that vanishes unless it was renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LunaError(f"{path.parent} can't be made: {error.strerror}.") from error
    draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}."))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
