"""The initramfs of an image, made again only if something has changed that could be in it.

dracut and xz take a minute of a pack, and most packs change nothing that they see. What an initramfs is made of is
found beforehand and hashed; docs/how-to/images.md lists it.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.boot import compress, initramfs
from luna_core.boot.runtime import PYTHON_DIRECTORY, build_runtime, node_sources
from luna_core.chroot.machine import is_foreign, refuse_foreign
from luna_core.image.pack import Progress
from luna_core.interfaces import Distro
from luna_core.node.http import AUTHORITY
from luna_core.operations import Luna
from luna_core.operations.images.facts import kernel_of
from luna_core.tls import certificates
from luna_core.types import DracutModule, InitrdFile

# Directories at the top of a tree that no dracut module reads: data, and what is mounted over while dracut runs.
UNSEEN = frozenset((b"home", b"root", b"srv", b"var", b"mnt", b"media", b"tmp", b"run", b"proc", b"sys", b"dev"))
KEPT = 8


def initramfs_of(luna: Luna, image: types.Image, distro: Distro, progress: Progress, *, fresh: bool = False) -> Path:
    """The initramfs of an image as its tree is now; `fresh` makes it even if there is one of such a tree.

    Raises BadInput, PluginError, CommandFailed with dracut's last lines, Unsupported for a tree of another machine that
    this one has no emulator for, or that lacks what the node runtime is made of.
    """
    refuse_foreign(image.name, image.path)
    files = _files(luna, image)
    cache = luna.settings.state_directory / "initramfs"
    ingredients = _digest_of(_ingredients(luna, image, distro, files))
    kept = cache / _key(ingredients, image)
    if kept.exists() and not fresh:
        os.utime(kept)
        return kept
    progress(0, 0, "making the initramfs")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as directory:
        made = Path(directory, "initramfs")
        runtimes = luna.settings.state_directory / "runtime"
        kernel = kernel_of(image, distro)
        initramfs.build_initramfs(
            image.path, distro, image, kernel, made, files, runtime_cache=runtimes, tls=_has_authority(luna)
        )
        with made.open("rb") as file:
            os.fsync(file.fileno())
        # Named by what the tree is now: if it changed meanwhile, that name is never asked for again.
        unchanged = _key(ingredients, image) == kept.name
        place = kept if unchanged else cache / f"{kept.name}.of-a-changing-tree"
        made.replace(place)
    _forget_old(cache)
    return place


def is_current(luna: Luna, image: types.Image, distro: Distro) -> Path | None:
    """The initramfs that a pack would use without making one, or None."""
    files = _files(luna, image)
    ingredients = _digest_of(_ingredients(luna, image, distro, files))
    kept = luna.settings.state_directory / "initramfs" / _key(ingredients, image)
    return kept if kept.exists() else None


def _files(luna: Luna, image: types.Image) -> list[InitrdFile | DracutModule]:
    """What plugins name, the keys that may log in for rescue, and the authority of the boot server's certificate."""
    files = [answer.value for answer in luna.hooks.luna_initrd_files(image)]
    if _has_authority(luna):
        files.append(InitrdFile(source=certificates(luna.settings).authority, destination=AUTHORITY))
    keys = Path(str(image.cluster.settings["image.authorized_keys"]))
    if keys.is_file():
        files.append(InitrdFile(source=keys, destination="/root/.ssh/authorized_keys", mode=0o600))
    return files


def _has_authority(luna: Luna) -> bool:
    return certificates(luna.settings).authority.exists()


def _forget_old(cache: Path) -> None:
    kept = sorted((one for one in cache.iterdir() if one.is_file()), key=lambda one: one.stat().st_mtime_ns)
    for path in kept[:-KEPT]:
        path.unlink(missing_ok=True)


def _key(ingredients: str, image: types.Image) -> str:
    return _digest_of([ingredients, *_seen(os.fsencode(image.path))])


def _digest_of(parts: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode() + b"\n")
    return digest.hexdigest()


def _ingredients(
    luna: Luna, image: types.Image, distro: Distro, files: Sequence[InitrdFile | DracutModule]
) -> Iterator[object]:
    """What doesn't lie in the tree."""
    kernel = kernel_of(image, distro)
    yield kernel
    # The modules and the drivers are words of the command.
    yield list(distro.initramfs_command(image, kernel, "initramfs"))
    yield image.cluster.settings.get("image.initramfs_level")
    plain = [one for one in files if isinstance(one, InitrdFile)]
    python = [one for one in plain if one.destination.startswith(f"{PYTHON_DIRECTORY}/")]
    if is_foreign(image.path):
        # Its Python and libraries are the tree's, every file of which is looked at; these go in with them, or choose.
        makers = sorted(Path(initramfs.__file__).parent.glob("*.py"))
        yield _has_authority(luna), [_digest(path) for path in (*node_sources(), *makers)]
    else:
        yield build_runtime(luna.settings.state_directory / "runtime", python, tls=_has_authority(luna)).name
    for one in sorted(plain, key=lambda file: file.destination):
        yield one.destination, one.mode, _digest(one.source)
    yield _digest(Path(initramfs.__file__)), _digest(Path(compress.__file__))
    own = Path(initramfs.__file__).parent / "dracut/95luna"
    for module in [own, *(one.directory for one in files if isinstance(one, DracutModule))]:
        yield module.name
        directory = module.resolve()
        yield [(str(path.relative_to(directory)), _digest(path)) for path in sorted(directory.rglob("*"))]


def _digest(path: Path) -> tuple[int, str]:
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return path.lstat().st_mode, content


def _seen(tree: bytes) -> Iterator[tuple[Any, ...]]:
    """Every entry of the tree that dracut could read; its change time can't be forged, so nothing need be read."""
    pending = [b""]
    while pending:
        parent = pending.pop()
        for child in _sorted(tree + b"/" + parent):
            if not parent and child.name in UNSEEN:
                continue
            name = parent + b"/" + child.name if parent else child.name
            status = child.stat(follow_symlinks=False)
            yield name, status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            if stat.S_ISDIR(status.st_mode):
                pending.append(name)


def _sorted(directory: bytes) -> Iterable["os.DirEntry[bytes]"]:
    with os.scandir(directory) as listing:
        return sorted(listing, key=lambda one: one.name)
