"""A kernel as firmware starts it."""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luna_core.errors import LunaError

_GZIP = b"\x1f\x8b"


@contextmanager
def bootable(kernel: Path, work: Path) -> Iterator[Path]:
    """The kernel, unpacked below `work` if it is in gzip's format. Raises LunaError if it is damaged.

    On arm64 some distributions pack it so, for boot loaders that unpack it (Linux, arch/arm64/booting.rst). UEFI starts
    programs only, and older iPXE leaves it to UEFI.
    """
    with kernel.open("rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    if not is_packed:
        yield kernel
        return
    with tempfile.NamedTemporaryFile(dir=work) as plain:
        try:
            with gzip.open(kernel) as packed:
                shutil.copyfileobj(packed, plain)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LunaError(f"{kernel} can't be unpacked: {error}.") from error
        plain.flush()
        yield Path(plain.name)
