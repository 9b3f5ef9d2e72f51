"""Zstandard frames through libzstd, which Python's standard library has only from 3.14 on."""

import ctypes
from functools import cache

from luna_core.node.errors import DamagedShard


def decompress(frame: bytes, size_bytes: int) -> memoryview:
    """The content of one frame (RFC 8878) that must hold exactly `size_bytes`; releases the interpreter lock.

    Raises DamagedShard for anything else, OSError if libzstd.so.1 is missing.
    """
    library = _library()
    content = bytearray(size_bytes)
    space = (ctypes.c_char * size_bytes).from_buffer(content)
    written = library.ZSTD_decompress(space, size_bytes, frame, len(frame))
    if library.ZSTD_isError(written):
        raise DamagedShard(f"zstd: {library.ZSTD_getErrorName(written).decode()}.")
    if written != size_bytes:
        raise DamagedShard(f"zstd: the content is {written} bytes long, not {size_bytes}.")
    return memoryview(content)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_isError.restype = ctypes.c_uint
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    library.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    return library
