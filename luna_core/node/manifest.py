"""The manifest: everything that an image version consists of, and by its SHA-256 the version's identity.

docs/reference/manifest.md describes the JSON.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final, TypeVar

from luna_core.node.errors import UnpackError

FORMAT: Final = 2
MANIFEST_NAME: Final = "manifest.json"
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
R = TypeVar("R")


class Kind(StrEnum):
    """What a shard holds. Directories and links can only be completed when all files are there.

    A squashfs part is some bytes of a file system image that has all of them. The private files are no shard to fetch
    with the others: a node gets them from the boot server, in its own session.
    """

    DIRECTORIES = "directories"
    FILES = "files"
    LINKS = "links"
    SQUASHFS = "squashfs"
    PRIVATE = "private"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One `tar.zst`; `unpacked_sha256` and `unpacked_bytes` are those of the tar archive inside.

    A part of a squashfs is as it is, with the `offset` in bytes where it belongs.
    """

    name: str
    kind: Kind
    sha256: str
    size_bytes: int
    unpacked_sha256: str
    unpacked_bytes: int
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class BootFile:
    """The kernel or the initramfs, beside the shards."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of the distribution that the tree contains."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An image version. `level` is zstd's compression level; sizes in bytes are on the instance's properties.

    `private` describes the archive of the files that are for nodes only, if there are any.
    """

    image: str
    distro: str
    kernel_release: str
    kernel: BootFile
    initramfs: BootFile
    shards: tuple[Shard, ...]
    private: Shard | None = None
    packages: tuple[Package, ...] = ()
    entries: int
    level: int

    @property
    def tree(self) -> tuple[Shard, ...]:
        """The shards that are unpacked to a tree."""
        return tuple(shard for shard in self.shards if shard.kind is not Kind.SQUASHFS)

    @property
    def squashfs(self) -> tuple[Shard, ...]:
        """The parts of the squashfs, in order; none if the version has none."""
        return tuple(shard for shard in self.shards if shard.kind is Kind.SQUASHFS)

    @property
    def size_bytes(self) -> int:
        """The shards of the tree as they are transferred, compressed."""
        return sum(shard.size_bytes for shard in self.tree)

    @property
    def squashfs_bytes(self) -> int:
        """The size of the squashfs, 0 if there is none."""
        return sum(shard.size_bytes for shard in self.squashfs)

    @property
    def unpacked_bytes(self) -> int:
        """The tar archives of the tree: a little more than what its files hold."""
        return sum(shard.unpacked_bytes for shard in self.tree)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON: the same facts always give the same bytes."""
        document = {"format": FORMAT, "size_bytes": self.size_bytes, "unpacked_bytes": self.unpacked_bytes}
        document |= asdict(self)
        return (json.dumps(document, sort_keys=True, indent=0, separators=(",", ":")) + "\n").encode("ascii")

    @property
    def sha256(self) -> str:
        """The identity of the version."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def parse_manifest(data: bytes, sha256: str | None = None) -> Manifest:
    """Read a manifest, and check it against the hash that the install script pins, where one is given.

    Raises UnpackError if the hash differs, the format is another one or anything in it is not as it should be.
    """
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise UnpackError(f"The manifest has SHA-256 {found}, not the pinned {sha256}.")
    try:
        document = json.loads(data)
        if document["format"] != FORMAT:
            raise UnpackError(f"The manifest has format {document['format']!r}; this luna reads format {FORMAT}.")
        manifest = _manifest(document)
    except (ValueError, KeyError, TypeError) as error:
        raise UnpackError(f"The manifest can't be understood: {error!r}.") from error
    _check_names(manifest)
    return manifest


def plan(manifest: Manifest, have: set[str]) -> list[Shard]:
    """The shards to fetch, in the manifest's order, where those with a SHA-256 in `have` are at hand already."""
    return [shard for shard in manifest.shards if shard.sha256 not in have]


def _manifest(document: Mapping[str, Any]) -> Manifest:
    own = {field.name: document[field.name] for field in fields(Manifest)}
    own["kernel"] = _record(BootFile, document["kernel"])
    own["initramfs"] = _record(BootFile, document["initramfs"])
    own["packages"] = tuple(_record(Package, one) for one in document["packages"])
    own["shards"] = tuple(_shard(one) for one in document["shards"])
    own["private"] = _shard(document["private"]) if document["private"] else None
    return Manifest(**own)


def _shard(values: Mapping[str, Any]) -> Shard:
    return _record(Shard, {**values, "kind": Kind(values["kind"])})


def _record(record: type[R], values: Mapping[str, Any]) -> R:
    return record(**values)


def _check_names(manifest: Manifest) -> None:
    names = [manifest.kernel.name, manifest.initramfs.name, *(shard.name for shard in manifest.shards)]
    for name in names:
        if not _SAFE_NAME.fullmatch(name):
            raise UnpackError(f"The manifest names {name!r}, which is not a plain relative path.")
    if len(set(names)) != len(names):
        raise UnpackError("The manifest gives one name to two files.")
