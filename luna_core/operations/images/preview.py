"""What packing an osimage would make different from its version in force; nothing is written."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import zstandard

from luna_core.errors import BadInput
from luna_core.image.cut import Item, cut, items
from luna_core.image.pack import Progress
from luna_core.image.private import private_archive, set_apart
from luna_core.image.scan import Scan, scan
from luna_core.image.shard import build
from luna_core.image.versions import load_version, sha256_of
from luna_core.image.writer import LEVEL
from luna_core.model import ImageVersion, OsImage
from luna_core.node.manifest import Manifest
from luna_core.operations import Luna
from luna_core.operations.images.facts import distro_of, find_version, image_facts, kernel_of
from luna_core.operations.images.initramfs import is_current
from luna_core.operations.images.pack import EMPTIED
from luna_core.operations.work import Work


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a pack would do. `in_force` is the number of the version that it is compared with; sizes are packed ones.

    `packages` are lines as in `+ bash 5.2`; `initramfs` says in words what becomes of it. What plugins change in a
    tree when it is packed is not foreseen.
    """

    in_force: int | None
    shards: int
    new_shards: int
    new_bytes: int
    private_differs: bool
    squashfs_differs: bool
    packages: tuple[str, ...]
    kernel: str
    initramfs: str
    left_out: tuple[str, ...]

    @property
    def changes_anything(self) -> bool:
        """Whether a pack would make a new version."""
        differs = (
            self.new_shards
            or self.packages
            or self.private_differs
            or self.squashfs_differs
            or self.initramfs != "unchanged"
        )
        return bool(differs or self.in_force is None)


def preview(luna: Luna, name: str, progress: Progress) -> Preview:
    """Compare an osimage's tree with its version in force. Raises BadInput, LunaError."""
    image = image_facts(luna, name)
    if not image.path.is_dir():
        raise BadInput(f"osimage {name}: path: {image.path} is no directory; 'luna osimage build {name}' makes one.")
    distro = distro_of(luna, image)
    version = luna.read(lambda work: _in_force(work, name))
    manifest = load_version(luna.settings.images_directory / version.manifest_sha256) if version else None
    kernel = kernel_of(image, distro)
    progress(0, 0, "scanning")
    found = scan(image.path, distro.pack_excludes(), EMPTIED)
    set_apart(found, (*distro.private_files(), *image.private_files))
    groups = _groups(image.path, found)
    known = {shard.unpacked_sha256 for shard in manifest.tree} if manifest else set()
    new = _new_sizes(image.path, groups, known, progress)
    cached = is_current(luna, image, distro)
    same = manifest is not None and cached is not None and sha256_of(cached) == manifest.initramfs.sha256
    return Preview(
        in_force=version.number if version else None,
        shards=len(groups),
        new_shards=len(new),
        new_bytes=sum(new),
        private_differs=_private_differs(luna, manifest, image.path, found),
        squashfs_differs=image.squashfs != bool(manifest and manifest.squashfs) or (image.squashfs and bool(new)),
        packages=tuple(_packages(manifest, dict(distro.installed_packages(image.path)))),
        kernel=kernel.release,
        initramfs="unchanged" if same else "another one, that is made already" if cached else "will be made anew",
        left_out=tuple(found.left_out),
    )


def _in_force(work: Work, name: str) -> ImageVersion | None:
    image = work.get(OsImage, name)
    return find_version(work, image, image.latest)


def _groups(tree: Path, found: Scan) -> list[list[Item]]:
    kinds = (found.directories, found.files, found.links)
    return [group for entries in kinds for group in cut(items(tree, entries))]


def _private_differs(luna: Luna, manifest: Manifest | None, tree: Path, found: Scan) -> bool:
    now = None
    if found.private:
        archive = private_archive(tree, found.private, luna.keyring.derive("private files"))
        now = hashlib.sha256(archive).hexdigest()
    return now != (manifest.private.unpacked_sha256 if manifest and manifest.private else None)


def _new_sizes(tree: Path, groups: Sequence[Sequence[Item]], known: set[str], progress: Progress) -> list[int]:
    """The packed sizes of those shards that are not known."""
    total = sum(item.unpacked for group in groups for item in group)
    done = 0
    lock = Lock()

    def look(group: Sequence[Item]) -> int | None:
        nonlocal done
        archive = build(tree, group)
        size = None
        if hashlib.sha256(archive).hexdigest() not in known:
            size = len(zstandard.ZstdCompressor(level=LEVEL).compress(archive))
        with lock:
            done += sum(item.unpacked for item in group)
            progress(done, total, "comparing")
        return size

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [size for size in pool.map(look, groups) if size is not None]


def _packages(manifest: Manifest | None, now: dict[str, str]) -> list[str]:
    before = {one.name: one.version for one in manifest.packages} if manifest else {}
    lines = []
    for package in sorted(before.keys() | now.keys()):
        old, new = before.get(package), now.get(package)
        if old != new:
            lines.append(
                f"+ {package} {new}"
                if old is None
                else f"- {package} {old}"
                if new is None
                else f"* {package} {old} → {new}"
            )
    return lines
