"""What a dry run of rsync says that would become different."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

FORMAT = "luna|%i|%l|%n"
_MOST_SHOWN = 5
_TIME_OF_A_DIRECTORY = ".d..t......"
# A hard link to what is there already has spaces where nothing else differs.
_LINE = re.compile(r"luna\|(\S[^|]{8,})\|(\d+)\|(.*)")
_MARKS = {"added": "+", "changed": "*", "deleted": "-"}


@dataclass(frozen=True)
class Change:
    """One name. `size_bytes` is the whole size of a file whose content would be sent, else 0."""

    kind: Literal["added", "changed", "deleted"]
    path: str
    size_bytes: int = 0

    def __str__(self) -> str:
        return f"{_MARKS[self.kind]} {self.path}"


@dataclass(frozen=True)
class Changes:
    """All of them, in rsync's order. Times of directories alone don't count: each change within one moves them."""

    all: tuple[Change, ...]

    @classmethod
    def parsed(cls, lines: Iterable[str]) -> "Changes":
        """Those in rsync's output, printed by FORMAT; other lines are warnings."""
        found = (_parsed(*match.groups()) for line in lines if (match := _LINE.fullmatch(line)))
        return cls(tuple(one for one in found if one))

    @property
    def size_bytes(self) -> int:
        """The sizes of all files whose content differs; what is sent may be less."""
        return sum(one.size_bytes for one in self.all)

    def counts(self) -> dict[str, int]:
        """How many are added, changed and deleted."""
        found = Counter[str](one.kind for one in self.all)
        return {kind: found[kind] for kind in _MARKS}

    def directories(self) -> Mapping[str, int]:
        """The directories, two levels deep, below which most changes are."""
        found = Counter("/".join(PurePosixPath("/", one.path).parent.parts[:3])[1:] or "/" for one in self.all)
        return dict(found.most_common(_MOST_SHOWN))

    def largest(self) -> Mapping[str, int]:
        """The largest files that would be sent, with their sizes in bytes."""
        ordered = sorted(self.all, key=lambda one: -one.size_bytes)
        return {one.path: one.size_bytes for one in ordered[:_MOST_SHOWN] if one.size_bytes}

    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**self.counts(), "size_bytes": self.size_bytes}


def _parsed(item: str, size: str, name: str) -> Change | None:
    """`%i` is described under --itemize-changes in rsync(1)."""
    path = f"/{name.lstrip('/')}".replace("/./", "/").rstrip("/") or "/"
    if item.startswith("*deleting"):
        return Change("deleted", path)
    if item == _TIME_OF_A_DIRECTORY:
        return None
    is_sent = item[0] in "<>" and item[1] == "f"
    return Change("added" if "+++++" in item else "changed", path, int(size) if is_sent else 0)
