"""How an initramfs is compressed: as small as the kernel that boots it can undo, for every node loads all of it.

docs/decisions/0030 has the figures. Linux unpacks several archives behind each other (initramfs(5) calls them
concatenated), each compressed in its own way.
"""

import lzma
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import zstandard

from luna_core.errors import BadInput
from luna_core.types import Kernel

BEST_LEVEL = 19
# So much memory a node needs for unpacking it, and the controller about ten times of it.
_WINDOW_LOG = 26
_HEADER_BYTES = 110
_TRAILER = "TRAILER!!!"


class Member(NamedTuple):
    """What is in a cpio archive: its path, mode and size in bytes, and from where to where it lies in the archive."""

    path: str
    mode: int
    size_bytes: int
    start: int
    end: int


def is_cpio(content: bytes) -> bool:
    """Whether it is an uncompressed archive as Linux takes it for an initramfs."""
    return content.startswith((b"070701", b"070702"))


def is_xz(path: Path) -> bool:
    """Whether xz compressed the file."""
    with path.open("rb") as file:
        return file.read(6) == b"\xfd7zXZ\0"


def decompressed(content: bytes) -> bytes:
    """What `compress` was given; as it is, if nothing of luna's compressed it."""
    if content.startswith(b"\xfd7zXZ\0"):
        return lzma.decompress(content)
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG).decompressobj().decompress(content)
    return content


def compress(archive: bytes, tree: Path, kernel: Kernel, level: int) -> bytes:
    """A cpio archive, compressed by zstd of a level from 1 on, or by xz at BEST_LEVEL, if the kernel can undo that.

    Raises BadInput if the kernel's configuration has neither.
    """
    options = kernel_options(tree, kernel)
    has_zstd, has_xz = (not options or f"CONFIG_RD_{name}" in options for name in ("ZSTD", "XZ"))
    if not has_zstd and not has_xz:
        raise BadInput(
            f"kernel {kernel.release} of {tree}: its configuration has neither CONFIG_RD_XZ=y nor CONFIG_RD_ZSTD=y; "
            "accepted is a kernel that can unpack an initramfs of one of them."
        )
    if has_xz and (level >= BEST_LEVEL or not has_zstd):
        return _xz(archive, level, filtered={"CONFIG_X86_64", "CONFIG_XZ_DEC_X86"} <= options)
    parameters = zstandard.ZstdCompressionParameters.from_level(level, window_log=_WINDOW_LOG, threads=-1)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(archive)


def kernel_options(tree: Path, kernel: Kernel) -> frozenset[str]:
    """What is built into a kernel by its configuration; empty if the tree has none."""
    for place in (tree / f"boot/config-{kernel.release}", tree / f"usr/lib/modules/{kernel.release}/config"):
        if place.is_file():
            return frozenset(re.findall(r"^(CONFIG_\w+)=y$", place.read_text(), re.M))
    return frozenset()


def _xz(archive: bytes, level: int, *, filtered: bool) -> bytes:
    """Programs get smaller by the filter for x86; modules larger, for their jumps have no targets yet."""
    # Presets above 6 took half as long again; of what they do, matches of any length are the gain, for modules alone.
    plain = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << _WINDOW_LOG, "preset": min(level, 6)}
    if not filtered:
        return _xz_stream(archive, [plain])
    with ThreadPoolExecutor() as threads:
        filters = ([{"id": lzma.FILTER_X86}, plain], [{**plain, "nice_len": 273}])
        return b"".join(threads.map(_xz_stream, split(archive), filters))


def _xz_stream(archive: bytes, filters: list[dict[str, int]]) -> bytes:
    # Linux knows no other check than CRC32.
    return lzma.compress(archive, check=lzma.CHECK_CRC32, filters=filters)


def split(archive: bytes) -> tuple[bytes, bytes]:
    """Two cpio archives that together are this one: all but the kernel's modules, and these; like beside like."""
    view, parts = memoryview(archive), (bytearray(), bytearray())
    waiting: list[Member] = []
    for member in members(archive):
        if member.path != _TRAILER:
            waiting.append(member)
            continue
        for one in sorted(waiting, key=_kind):
            parts[one.path.endswith(".ko")].extend(view[one.start : one.end])
        for part in parts:
            part += view[member.start : member.end]
        waiting.clear()
    return bytes(parts[0]), bytes(parts[1])


def _kind(member: Member) -> int:
    """What to sort by: Linux makes no directory for a file, so all that is none comes first."""
    if not stat.S_ISREG(member.mode):
        return 0
    suffixes = PurePosixPath(member.path).suffixes
    return 1 if ".pyc" in suffixes else 2 if ".so" in suffixes else 3


def members(archive: bytes) -> Iterator[Member]:
    """The files of cpio archives in the new portable format (cpio(5)), their trailers too; Linux skips zeros behind."""
    start = 0
    while is_cpio(archive[start : start + 6]):
        size_bytes = int(archive[start + 54 : start + 62], 16)
        name_bytes = int(archive[start + 94 : start + 102], 16)
        name = archive[start + _HEADER_BYTES : start + _HEADER_BYTES + name_bytes - 1]
        end = _aligned(_aligned(start + _HEADER_BYTES + name_bytes) + size_bytes)
        mode = int(archive[start + 14 : start + 22], 16)
        yield Member(name.decode(errors="surrogateescape"), mode, size_bytes, start, end)
        start = end
        # Another archive may follow, as dracut's own one does that of the processors' microcode.
        while archive[start : start + 4] == b"\0\0\0\0":
            start += 4


def _aligned(position: int) -> int:
    return position + -position % 4
