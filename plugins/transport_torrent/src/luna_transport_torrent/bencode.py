"""Bencoding (BEP 3), so that the boot server need not load a torrent library to answer announces."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "int | bytes | Sequence[Value] | Mapping[bytes, Value]"


def encode(value: Value) -> bytes:
    """A value in the one form that BEP 3 allows: keys sorted as raw bytes."""
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, Mapping):
        return b"d%be" % b"".join(encode(key) + encode(value[key]) for key in sorted(value))
    return b"l%be" % b"".join(encode(one) for one in value)


def decode(data: bytes) -> Value:
    """The value that `data` is. Raises ValueError if it is anything but one bencoded value."""
    try:
        value, end = _value(data, 0)
    except (IndexError, RecursionError) as error:
        raise ValueError("bencoding is cut short or nested too deeply") from error
    if end != len(data):
        raise ValueError(f"there is more after bencoding's end at byte {end}")
    return value


def _value(data: bytes, position: int) -> tuple[Value, int]:
    kind = data[position : position + 1]
    if kind == b"i":
        end = data.index(b"e", position)
        return int(data[position + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        values, end = _values(data, position + 1)
        if kind == b"l":
            return values, end
        return {_key(key): value for key, value in zip(values[::2], values[1::2], strict=True)}, end
    colon = data.index(b":", position)
    end = colon + 1 + int(data[position:colon])
    if end > len(data) or not data[position:colon].isdigit():
        raise ValueError(f"the text at byte {position} is longer than the data")
    return data[colon + 1 : end], end


def _values(data: bytes, position: int) -> tuple[list[Value], int]:
    values = []
    while data[position] != ord("e"):
        value, position = _value(data, position)
        values.append(value)
    return values, position + 1


def _key(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"a key is {value!r}; accepted is a text")
    return value
