"""The entries of a shard's tar archive: ustar with PAX headers (POSIX.1-2001) and GNU sparse maps (format 1.0).

The standard tarfile module reads these archives too, at eight times the processor time per entry, which on a node is
time to boot. This reader takes what luna packs; the archive's bytes are already known to be those that were packed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from luna_core.node.errors import UnpackError

BLOCK: Final = 512
XATTR: Final = b"SCHILY.xattr."
FLAGS: Final = b"SCHILY.fflags"
REGULAR, LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO, EXTENDED = b"0123456x"


@dataclass(slots=True)
class Entry:
    """One entry. `regions` are pairs of offset and bytes: all of a plain file, or what a sparse one holds in here."""

    path: bytes
    kind: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size_bytes: int
    target: bytes
    device: tuple[int, int]
    xattrs: dict[bytes, bytes]
    flags: tuple[str, ...]
    regions: list[tuple[int, memoryview]]
    sparse: bool


def read_entries(archive: memoryview) -> Iterator[Entry]:
    """The entries of a tar archive in memory; their regions refer to it. Raises UnpackError if it isn't one."""
    position = 0
    extended: dict[bytes, bytes] = {}
    try:
        while archive[position]:
            header = bytes(archive[position : position + BLOCK])
            size = _number(header[124:136])
            data = archive[position + BLOCK : position + BLOCK + size]
            if header[156] == EXTENDED:
                extended = _extended(bytes(data))
            else:
                yield _entry(header, data, extended)
                extended = {}
            position += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
    except (IndexError, ValueError, KeyError) as error:
        raise UnpackError(f"The tar archive can't be understood at byte {position}: {error!r}.") from error


def _entry(header: bytes, data: memoryview, extended: dict[bytes, bytes]) -> Entry:
    sparse = b"GNU.sparse.major" in extended
    regions = _sparse_regions(data) if sparse else [(0, data)]
    return Entry(
        path=_path(header, extended),
        kind=header[156],
        mode=_number(header[100:108]),
        uid=int(extended[b"uid"]) if b"uid" in extended else _number(header[108:116]),
        gid=int(extended[b"gid"]) if b"gid" in extended else _number(header[116:124]),
        mtime_ns=_nanoseconds(extended[b"mtime"]) if b"mtime" in extended else _number(header[136:148]) * 10**9,
        size_bytes=int(extended[b"GNU.sparse.realsize"]) if sparse else len(data),
        target=extended.get(b"linkpath") or _text(header[157:257]),
        device=(_number(header[329:337]), _number(header[337:345])),
        xattrs=_xattrs(extended) if extended else {},
        flags=tuple(extended[FLAGS].decode().split(",")) if FLAGS in extended else (),
        regions=regions,
        sparse=sparse,
    )


def _number(field: bytes) -> int:
    return int(field.rstrip(b"\0 ") or b"0", 8)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _path(header: bytes, extended: dict[bytes, bytes]) -> bytes:
    if b"path" in extended:
        return extended[b"path"].rstrip(b"/")
    prefix = _text(header[345:500])
    name = _text(header[:100]).rstrip(b"/")
    return prefix + b"/" + name if prefix else name


def _extended(data: bytes) -> dict[bytes, bytes]:
    records = {}
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        end = position + int(data[position:space])
        keyword, _, value = data[space + 1 : end - 1].partition(b"=")
        records[keyword] = value
        position = end
    return records


def _nanoseconds(text: bytes) -> int:
    whole, _, fraction = text.removeprefix(b"-").partition(b".")
    value = int(whole) * 10**9 + int(fraction[:9].ljust(9, b"0"))
    return -value if text.startswith(b"-") else value


def _xattrs(extended: dict[bytes, bytes]) -> dict[bytes, bytes]:
    names = [keyword for keyword in extended if keyword.startswith(XATTR)]
    # GNU tar escapes these two in names, for "=" ends a keyword.
    return {key[len(XATTR) :].replace(b"%3D", b"=").replace(b"%25", b"%"): extended[key] for key in names}


def _sparse_regions(data: memoryview) -> list[tuple[int, memoryview]]:
    """The map is lines of decimal numbers: how many regions, then offset and length of each, padded to a block."""
    end = 0
    numbers: list[int] = []
    while len(numbers) < 1 or len(numbers) < 1 + 2 * numbers[0]:
        end += BLOCK
        if end > len(data):
            raise ValueError("the sparse map is cut short")
        numbers = [int(line) for line in bytes(data[:end]).split(b"\n")[:-1]]
    position = end
    regions = []
    for offset, length in zip(numbers[1::2], numbers[2::2], strict=True):
        regions.append((offset, data[position : position + length]))
        position += length
    return regions
