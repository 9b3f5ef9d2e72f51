"""Sizes as layouts write them, in powers of 1024."""

import re
from typing import Final

REST: Final = "rest"
MIB: Final = 1 << 20
_UNITS: Final = {"M": MIB, "G": 1 << 30, "T": 1 << 40}
_CONDITION: Final = re.compile(r"(>=|<=|>|<)([1-9][0-9]*[MGT])")


def size_bytes(text: str) -> int:
    """The bytes of a size such as 256M, 2G or 1T."""
    return int(text[:-1]) * _UNITS[text[-1]]


def fits(conditions: str, size: int) -> bool:
    """Whether a size in bytes meets all of the conditions, as in `>=400G <2T`."""
    return all(_holds(sign, size, size_bytes(limit)) for sign, limit in _CONDITION.findall(conditions))


def shown(size: int) -> str:
    """A size in bytes for people: in the largest unit of which it has one."""
    unit = next((one for one in ("T", "G", "M") if size >= _UNITS[one]), "M")
    return f"{size / _UNITS[unit]:.1f}".removesuffix(".0") + unit


def _holds(sign: str, size: int, limit: int) -> bool:
    return {">=": size >= limit, "<=": size <= limit, ">": size > limit, "<": size < limit}[sign]
