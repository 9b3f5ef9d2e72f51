"""Shell patterns over absolute paths of a tree: `*` and `?` stop at a slash, `**` is any number of directories."""

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Sequence

from luna_core.errors import BadInput

Part = re.Pattern[str] | None  # None stands for **


def matcher(patterns: Iterable[str], field: str) -> Callable[[bytes], bool]:
    """A function that says whether a path, relative to the tree's root, matches any of the patterns.

    Raises BadInput for a pattern that doesn't begin with a slash; `field` is what the administrator calls the list.
    """
    compiled = [_compile(pattern, field) for pattern in patterns]

    def matches(path: bytes) -> bool:
        names = os.fsdecode(path).split("/")
        return any(_matches(parts, names) for parts in compiled)

    return matches


def _compile(pattern: str, field: str) -> list[Part]:
    if not pattern.startswith("/") or not pattern.strip("/"):
        raise BadInput(f"{field}: {pattern!r} was given; accepted is a path from the tree's root, as /etc/*.bak.")
    names = pattern.strip("/").split("/")
    return [None if name == "**" else re.compile(fnmatch.translate(name)) for name in names]


def _matches(parts: Sequence[Part], names: Sequence[str]) -> bool:
    if not parts:
        return not names
    if parts[0] is None:
        return any(_matches(parts[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and bool(parts[0].match(names[0])) and _matches(parts[1:], names[1:])
