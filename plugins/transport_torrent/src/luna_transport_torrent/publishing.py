"""A version's torrent, made from nothing but its files, so that every controller makes the same."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import libtorrent

from luna_core.errors import BadInput
from luna_core.settings import machine_settings

_SMALLEST_PIECE = 64 << 10
_LARGEST_PIECE = 4 << 20
_MOST_PIECES = 500


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where published torrents are, and where the seeder finds the files of each."""

    public: Path
    state: Path

    def torrent(self, manifest_sha256: str) -> Path:
        """The torrent, which nodes fetch from the file server: what is here is published."""
        return self.torrents / f"{manifest_sha256}.torrent"

    def files(self, manifest_sha256: str) -> Path:
        """A link to the version's directory, wherever that is."""
        return self.seeds / manifest_sha256

    @property
    def torrents(self) -> Path:
        """The directory of torrents."""
        return self.public / "torrents"

    @property
    def seeds(self) -> Path:
        """The directory of links."""
        return self.state / "seeds"


def places() -> Places:
    """The places of this machine."""
    settings = machine_settings()
    return Places(public=settings.public_directory, state=settings.state_directory)


def make_torrent(seeds: Path, manifest_sha256: str) -> bytes:
    """A private v2 torrent (BEP 52, BEP 27) of a version's shards, named after it; it has no tracker and no date.

    `seeds` holds the version under its SHA-256. Raises BadInput if it has no shards, OSError if one can't be read.
    """
    shards = sorted((seeds / manifest_sha256 / "shards").iterdir())
    sizes = {path.relative_to(seeds).as_posix(): path.stat().st_size for path in shards}
    if not sizes:
        raise BadInput(f"image version {manifest_sha256}: it has no shards to make a torrent of.")
    entries = [libtorrent.create_file_entry(name, size) for name, size in sizes.items()]
    torrent = libtorrent.create_torrent(entries, piece_bytes(sizes), libtorrent.create_torrent.v2_only)
    torrent.set_priv(True)
    torrent.set_creation_date(0)
    libtorrent.set_piece_hashes(torrent, str(seeds))
    return libtorrent.bencode(torrent.generate())


def piece_bytes(sizes: Mapping[str, int]) -> int:
    """The smallest power of two that makes at most 500 pieces: more delay nodes by their number, fewer by their size.

    Files begin at pieces of their own in BEP 52, so shards bound the size of a piece as well; and a shard of few pieces
    is complete soon, where many of sixteen pieces each would all be complete, and unpacked, at the end.
    """
    size = _SMALLEST_PIECE
    while sum(sizes.values()) > size * _MOST_PIECES and size < _LARGEST_PIECE:
        size *= 2
    return size


def write_torrent(places: Places, version: Path, manifest_sha256: str) -> None:
    """Publish a version in one step. What is published already stays as it is."""
    torrent, files = places.torrent(manifest_sha256), places.files(manifest_sha256)
    for directory in (places.torrents, places.seeds):
        directory.mkdir(parents=True, exist_ok=True)
    _replace_link(files, version.absolute())
    if not torrent.exists():
        new = torrent.with_suffix(".new")
        new.write_bytes(make_torrent(places.seeds, manifest_sha256))
        new.replace(torrent)


def remove_torrent(places: Places, manifest_sha256: str) -> None:
    """Withdraw a version; the seeder and the tracker forget it within a second."""
    places.torrent(manifest_sha256).unlink(missing_ok=True)
    places.files(manifest_sha256).unlink(missing_ok=True)


def _replace_link(link: Path, target: Path) -> None:
    new = link.with_suffix(".new")
    new.unlink(missing_ok=True)
    # Relative, so that the state directory can be moved or copied as a whole.
    new.symlink_to(os.path.relpath(target, link.parent))
    os.replace(new, link)
