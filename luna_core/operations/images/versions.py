"""The versions of osimages: listed, checked, put in force again, kept, deleted, and what crashes left of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.errors import BadInput, InUse, LunaError
from luna_core.image.versions import check_version, collect, load_version, remove_version
from luna_core.model import ImageVersion, OsImage
from luna_core.operations import Luna
from luna_core.operations.history import ObjectChange
from luna_core.operations.images.facts import get_version, shares_files, users_of, versions_of
from luna_core.operations.images.locks import tree_lock, versions_lock
from luna_core.operations.images.trees import clear_drafts
from luna_core.operations.objects import change
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.settings import MachineSettings
from luna_core.types import SettingValue


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What `sweep` deleted: versions, by their manifest's SHA-256, and directories of trees that were never finished.

    `busy` says what could not be looked at.
    """

    versions: tuple[str, ...]
    trees: tuple[Path, ...]
    busy: tuple[str, ...] = ()


def list_versions(work: Work, name: str) -> list[dict[str, Any]]:
    """The versions of an osimage, oldest first, with who uses each."""
    image = work.get(OsImage, name)
    return [
        {
            "number": one.number,
            "in_force": one.number == image.latest,
            "packed_at": one.packed_at,
            "size_bytes": one.size_bytes,
            "squashfs_bytes": one.squashfs_bytes,
            "initramfs_bytes": one.initramfs_bytes,
            "pinned": one.keep,
            "used_by": users_of(work, one),
            "manifest_sha256": one.manifest_sha256,
        }
        for one in versions_of(work, image)
    ]


def check_files(luna: Luna, name: str, number: int | None = None) -> list[str]:
    """What is wrong with the files of a version, by default of the one in force. Reads all of them."""
    wanted = luna.read(lambda work: _given_or_in_force(work, name, number))
    return check_version(luna.settings.images_directory / wanted.manifest_sha256)


def roll_back(luna: Luna, name: str, number: int) -> ImageVersion:
    """Put an earlier version in force; raises BadInput that lists the versions, LunaError if its files are gone."""
    with versions_lock(luna.settings, f"rolling back osimage {name}"):
        values = luna.cluster_settings()
        version = luna.read(lambda work: facts_of(work, luna, values, get_version(work, name, number)))
        load_version(version.directory)
        # A deletion that was interrupted may have withdrawn it.
        luna.hooks.luna_transport_publish(version)

        def operation(work: Work) -> ImageVersion:
            found = get_version(work, name, number)
            change(work, OsImage, name, {"latest": number})
            return found

        return luna.change(operation, f"osimage version rollback {name} {number}")


def keep(luna: Luna, name: str, number: int, *, kept: bool) -> None:
    """Exempt a version from retention, or no longer."""
    luna.change(
        lambda work: work.put(get_version(work, name, number).changed(keep=kept)),
        f"osimage version {'pin' if kept else 'unpin'} {name} {number}",
    )


def delete_version(luna: Luna, name: str, number: int) -> None:
    """Withdraw and delete a version; raises InUse if it is in force or a node, group or the cluster stays at it."""
    with versions_lock(luna.settings, f"deleting version {number} of osimage {name}"):
        _delete(luna, name, number)


def retire_held(luna: Luna, name: str) -> list[int]:
    """Delete the oldest versions beyond the setting `image.keep_versions`, but for those in use or pinned.

    Returns their numbers. The caller holds the lock of versions.
    """
    most = int(str(luna.cluster_settings()["image.keep_versions"]))

    def surplus(work: Work) -> list[int]:
        found = versions_of(work, work.get(OsImage, name))
        old = found[: max(0, len(found) - most)]
        return [one.number for one in old if not one.keep and not users_of(work, one)]

    numbers = luna.read(surplus)
    for number in numbers:
        _delete(luna, name, number)
    return numbers


def sweep(luna: Luna) -> Swept:
    """Delete what crashed packs and builds left: versions that never came in force, and unfinished trees."""
    with versions_lock(luna.settings, "sweeping"):
        withdrawn = [_withdraw_stray(luna, directory) for directory in _strays(luna)]
        needed = luna.read(lambda work: {one.manifest_sha256 for one in work.all(ImageVersion)})
        gone = collect(luna.settings.images_directory, needed)
    trees: list[Path] = []
    busy: list[str] = []
    for image in luna.read(lambda work: work.all(OsImage)):
        try:
            with tree_lock(luna.settings, image.name, Path(image.path), "sweeping"):
                trees += clear_drafts(Path(image.path))
        except LunaError as error:
            busy.append(str(error))
    return Swept(versions=tuple(sorted({*withdrawn, *gone})), trees=tuple(trees), busy=tuple(busy))


def _strays(luna: Luna) -> list[Path]:
    directory = luna.settings.images_directory
    needed = luna.read(lambda work: {one.manifest_sha256 for one in work.all(ImageVersion)})
    found = sorted(directory.iterdir()) if directory.is_dir() else []
    return [one for one in found if not one.name.startswith(".") and one.is_dir() and one.name not in needed]


def _withdraw_stray(luna: Luna, directory: Path) -> str:
    """A crash between publication and coming in force left it offered."""
    values = luna.cluster_settings()
    cluster = luna.read(lambda work: Resolver(work, values).cluster())
    try:
        name = load_version(directory).image
    except LunaError:
        name = "unknown"
    image = types.Image(id="", name=name, distro="", path=Path("/"), cluster=cluster)
    luna.hooks.luna_transport_withdraw(
        types.ImageVersion(image=image, number=0, manifest_sha256=directory.name, directory=directory, size_bytes=0)
    )
    return directory.name


def _delete(luna: Luna, name: str, number: int) -> None:
    values = luna.cluster_settings()

    def check(work: Work) -> tuple[types.ImageVersion, bool]:
        version = get_version(work, name, number)
        if users := users_of(work, version):
            raise InUse(f"osimage {name}: version {number} can't be deleted: it is used by {', '.join(users)}.")
        return facts_of(work, luna, values, version), shares_files(work, version)

    gone, shared = luna.read(check)
    if not shared:
        luna.hooks.luna_transport_withdraw(gone)

    def forget(work: Work) -> None:
        check(work)
        work.remove(get_version(work, name, number))

    luna.change(forget, f"osimage version delete {name} {number}")
    if not shared:
        remove_version(gone.directory)


def refuse_lost(settings: MachineSettings, undone: Iterable[ObjectChange]) -> None:
    """Raise BadInput if undoing would bring back versions whose files were deleted with them."""
    versions = [change.before for change in undone if change.kind == ImageVersion.kind and change.before]
    gone = [one["name"] for one in versions if not (settings.images_directory / one["manifest_sha256"]).is_dir()]
    if gone:
        raise BadInput(
            f"undo: image version {', '.join(gone)} can't come back: its files were deleted with it. "
            "'luna osimage pack' makes a version of the tree as it is now."
        )


def facts_of(work: Work, luna: Luna, values: Mapping[str, SettingValue], version: ImageVersion) -> types.ImageVersion:
    """A version as plugins see it."""
    directory = luna.settings.images_directory / version.manifest_sha256
    return Resolver(work, values).image_version(version, directory)


def _given_or_in_force(work: Work, name: str, number: int | None) -> ImageVersion:
    latest = work.get(OsImage, name).latest
    if number is None and not latest:
        raise BadInput(f"osimage {name}: it was never packed; 'luna osimage pack {name}' does that.")
    return get_version(work, name, number or latest)
