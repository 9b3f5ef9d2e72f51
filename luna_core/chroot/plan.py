"""What process 1 is told: luna's part of the work is to find it out, process 1's to do it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Overlaid:
    """A file that lies over the tree's own, which stays as it is; `path` is absolute in the tree."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A visit to a tree: what to mount there, and what to run with which environment.

    `release` is what uname(2) says (None: the truth); `binds` are pairs of a path here and one in the tree.
    A shell `takes_terminal`; any other command shares it with what luna's own job consists of. It is preceded by the
    `greeting` once nothing but the start of it can fail.
    """

    root: str
    command: Sequence[str]
    environment: Mapping[str, str]
    release: str | None
    read_only: bool
    takes_terminal: bool = False
    greeting: str = ""
    files: Sequence[Overlaid] = ()
    binds: Sequence[tuple[str, str]] = field(default=())

    def dump(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> "Plan":
        """What `dump` gave."""
        values = json.loads(line)
        values["files"] = [Overlaid(**one) for one in values["files"]]
        return cls(**values)
