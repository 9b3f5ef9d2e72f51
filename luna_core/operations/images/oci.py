"""OCI image layouts (image-spec 1.1): which layers make an image, and what one takes away from those below it."""

import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from luna_core.errors import BadInput, LunaError

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_REFERENCE = "org.opencontainers.image.ref.name"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    """A tar archive, compressed or not, and the digest that its bytes must have."""

    path: Path
    digest: str

    def verify(self) -> None:
        """Raise LunaError if the bytes are others."""
        with self.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != self.digest.removeprefix("sha256:"):
                raise LunaError(f"{self.path} is damaged: its SHA-256 is not its name. Fetch the image again.")


def is_layout(directory: Path) -> bool:
    """Whether a directory is an OCI image layout."""
    return (directory / "oci-layout").is_file() and (directory / "index.json").is_file()


class Layout:
    """A directory with an OCI image layout."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def layers(self, reference: str) -> list[Layer]:
        """The layers of an image, the lowest first; the reference may be empty if there is one image.

        Raises BadInput that lists what there is, LunaError for blobs that are missing or damaged.
        """
        index = _parsed(self.directory / "index.json", (self.directory / "index.json").read_bytes())
        found = self._chosen(index["manifests"], reference)
        while found.get("mediaType") in _INDEXES:
            found = self._for_this_machine(self._document(found)["manifests"])
        return [self._layer(one) for one in self._document(found)["layers"]]

    def _chosen(self, manifests: list[dict[str, Any]], reference: str) -> dict[str, Any]:
        names = [str(one.get("annotations", {}).get(_REFERENCE, "")) for one in manifests]
        matching = [one for one, name in zip(manifests, names, strict=True) if reference in ("", name)]
        if len(matching) == 1:
            return matching[0]
        if not reference and len({name for name in names if name}) <= 1 and matching:
            return self._for_this_machine(matching)
        accepted = ", ".join(f"{self.directory}:{name}" for name in names if name) or f"{self.directory} with one image"
        raise BadInput(
            f"--from: {self.directory}{':' * bool(reference)}{reference} was given; accepted are {accepted}."
        )

    def _for_this_machine(self, manifests: list[dict[str, Any]]) -> dict[str, Any]:
        wanted = _ARCHITECTURES.get(platform.machine(), platform.machine())
        has = [str(one.get("platform", {}).get("architecture", "?")) for one in manifests]
        for architecture, one in zip(has, manifests, strict=True):
            if architecture == wanted:
                return one
        raise BadInput(f"--from: {self.directory} has images for {', '.join(has)}; accepted is one for {wanted}.")

    def _document(self, descriptor: dict[str, Any]) -> dict[str, Any]:
        blob = self._layer(descriptor)
        blob.verify()
        return _parsed(blob.path, blob.path.read_bytes())

    def _layer(self, descriptor: dict[str, Any]) -> Layer:
        digest = str(descriptor.get("digest"))
        found = _DIGEST.fullmatch(digest)
        if not found:
            raise LunaError(f"{self.directory}: digest {digest!r} is not supported; only SHA-256 is.")
        path = self.directory / "blobs/sha256" / found[1]
        if not path.is_file():
            raise LunaError(f"{self.directory}: blob {digest} is missing. Fetch the image again.")
        return Layer(path, digest)


def prepare(root: Path, layer: Layer) -> None:
    """Take away what a layer says is gone, and directories that it replaces by something else.

    Raises LunaError for a name that would lead out of the tree, by `..` or by a symbolic link of a layer below.
    """
    try:
        with _uncompressed(layer.path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                place = _place(root, member.name)
                if member.islnk():
                    _place(root, member.linkname)
                if place.name == _OPAQUE:
                    for child in place.parent.iterdir() if place.parent.is_dir() else ():
                        _remove(child)
                elif place.name.startswith(_WHITEOUT):
                    _remove(place.with_name(place.name.removeprefix(_WHITEOUT)))
                elif not member.isdir() and _is_directory(place):
                    _remove(place)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise LunaError(f"{layer.path} is no layer that can be read: {error}.") from error


def _place(root: Path, name: str) -> Path:
    path = PurePosixPath(name.lstrip("/"))
    parent = Path(os.path.realpath(root / path.parent))
    if ".." in path.parts or not parent.is_relative_to(root.resolve()):
        raise LunaError(f"The layer's member {name!r} would lead out of the tree; luna does not import it.")
    return parent / path.name


def _remove(path: Path) -> None:
    if _is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


@contextmanager
def _uncompressed(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            with gzip.open(file) as plain:
                yield plain  # type: ignore[misc]  # a GzipFile is read like a file
        elif magic == b"\x28\xb5\x2f\xfd":
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
                yield stream
        else:
            yield file


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise LunaError(f"{path} is not JSON: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("manifests", document.get("layers")), list):
        raise LunaError(f"{path} is neither an index nor a manifest of an OCI image.")
    return document
