"""Image versions on the controller's disk.

A directory of versions holds one directory per version, called by the manifest's SHA-256. Names that begin with a dot
are luna's own: the lock, a version being packed or removed, and the private archives, which lie beside the versions
because transports offer all that is in a version's directory; none of them is ever a version.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from luna_core.errors import Conflict, LunaError
from luna_core.node.errors import UnpackError
from luna_core.node.manifest import MANIFEST_NAME, BootFile, Manifest, Shard, parse_manifest

_LOCK: Final = ".lock"
_RUBBISH: Final = ".unfinished-"
_PRIVATE: Final = ".private"
PRIVATE_NAME: Final = "private.tar.zst"
_IDENTITY: Final = re.compile(r"[0-9a-f]{64}")


def load_version(version: Path) -> Manifest:
    """The manifest of a version. Raises LunaError if it is missing or isn't the one that the directory is called by."""
    try:
        return parse_manifest((version / MANIFEST_NAME).read_bytes(), version.name)
    except (OSError, UnpackError) as error:
        raise LunaError(f"The image version in {version} can't be used: {error}") from error


def check_version(version: Path) -> list[str]:
    """What is wrong with a version's files, by name: missing, or with other bytes than packed. Reads all of them."""
    manifest = load_version(version)
    files: list[Shard | BootFile] = [manifest.kernel, manifest.initramfs, *manifest.shards]
    places = [(version / file.name, file) for file in files]
    if manifest.private:
        places.append((private_file(version), manifest.private))
    wrong = []
    for path, file in places:
        try:
            if sha256_of(path) != file.sha256:
                wrong.append(f"{file.name}: its SHA-256 is not the manifest's")
        except OSError as error:
            wrong.append(f"{file.name}: {error.strerror}")
    return wrong


def private_file(version: Path) -> Path:
    """Where the archive of a version's private files is, if it has any."""
    return version.parent / _PRIVATE / version.name


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_version(version: Path) -> None:
    """Delete a version. Files that it shares with others stay theirs. Raises Conflict if its directory is locked."""
    with locked(version.parent):
        _remove(version)


def collect(versions: Path, keep: Collection[str]) -> list[str]:
    """Delete every version whose SHA-256 is not in `keep`, and what crashes left; returns what was deleted.

    Raises Conflict while a version is being packed in this directory.
    """
    with locked(versions):
        gone = [path for path in versions.iterdir() if _IDENTITY.fullmatch(path.name) and path.name not in keep]
        for version in gone:
            _remove(version)
        for archive in versions.glob(f"{_PRIVATE}/*"):
            if not (versions / archive.name).exists():
                archive.unlink()
        return sorted(version.name for version in gone)


@contextmanager
def locked(versions: Path) -> Iterator[None]:
    """Hold the directory of versions for this process; what an earlier holder left unfinished is deleted first.

    The kernel drops the lock with its holder, so a crash leaves none. Raises Conflict, naming the holder's process.
    """
    versions.mkdir(parents=True, exist_ok=True)
    with (versions / _LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Conflict(f"{versions} is in use by process {file.read() or '?'}; try again later.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        for rubbish in versions.glob(_RUBBISH + "*"):
            shutil.rmtree(rubbish)
        yield


@contextmanager
def unfinished(versions: Path) -> Iterator[Path]:
    """A new directory beside the versions that is deleted at the end unless it was published."""
    path = Path(tempfile.mkdtemp(prefix=_RUBBISH, dir=versions))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def publish(work: Path, identity: str) -> Path:
    """Give a complete, synced directory its name in one step, on disk when this returns.

    A version of that name that is there already is the same and stays, unless it is damaged.
    """
    version = work.parent / identity
    if version.exists() and not _is_sound(version):
        _remove(version)
    if not version.exists():
        _keep_private(work / PRIVATE_NAME, private_file(version))
        work.chmod(0o755)
        work.rename(version)
    sync(version.parent)
    return version


def sync(path: Path) -> None:
    """Bring a file's or a directory's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_private(made: Path, place: Path) -> None:
    if not made.exists():
        return
    place.parent.mkdir(mode=0o700, exist_ok=True)
    os.chown(place.parent, made.stat().st_uid, made.stat().st_gid)
    made.rename(place)
    sync(place.parent)


def _is_sound(version: Path) -> bool:
    try:
        return not check_version(version)
    except LunaError:
        return False


def _remove(version: Path) -> None:
    with unfinished(version.parent) as rubbish, suppress(FileNotFoundError):
        # A version that is half deleted must not be found under its name.
        version.rename(rubbish / version.name)
    private_file(version).unlink(missing_ok=True)
