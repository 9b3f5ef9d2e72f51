"""rsync(1) between the controller and one machine: what would differ, and then the copy itself."""

import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import CommandFailed
from luna_core.image.pack import Progress
from luna_core.operations.transfer.changes import FORMAT, Changes
from luna_core.operations.transfer.login import Logins, printable
from luna_core.run import run_contained

# Types, modes, owners by number, times, links, device nodes, holes, ACLs, and attributes, capabilities among them.
_WHOLE = ("--archive", "--hard-links", "--acls", "--xattrs", "--sparse", "--numeric-ids")
# "Some source files vanished": a running system has files that come and go.
_VANISHED = 24
_MOST_REASONS = 4
_PROGRESS = re.compile(r"\s*([0-9,.]+)\s+[0-9]+%\s")


@dataclass(frozen=True, kw_only=True)
class Copy:
    """The files of `source` below `target`, both as rsync names places; what the rules name is left alone.

    With `delete`, what the source has not goes from the target, after the rest was copied. A file that has half
    arrived is fetched anew by the next try: --partial-dir, which would keep it, has failed where it is an absolute path
    since rsync's security fixes of 2025 (github.com/RsyncProject/rsync/issues/715, 722). `known` are directories beside
    the target that may have the same files; they are linked, not fetched. `checksum` compares contents, not times.
    """

    logins: Logins
    source: str
    target: str
    rules: Sequence[str]
    delete: bool
    checksum: bool = False
    known: Sequence[Path] = ()

    def changes(self) -> Changes:
        """What would become different; nothing is written. Raises CommandFailed."""
        lines: list[str] = []
        self._run(lines.append, "--dry-run", f"--out-format={FORMAT}")
        return Changes.parsed(lines)

    def run(self, progress: Progress, total_bytes: int, phase: str) -> None:
        """Copy, telling how much of about `total_bytes` is there. Raises CommandFailed."""

        def tell(line: str) -> None:
            if found := _PROGRESS.match(line):
                done = int(re.sub("[,.]", "", found[1]))
                progress(min(done, total_bytes), total_bytes, phase)

        progress(0, total_bytes, phase)
        self._run(tell, "--info=progress2", "--no-human-readable")

    def _run(self, told: Callable[[str], object], *more: str) -> None:
        with self._rules() as rules, _reasons(told) as tell:
            run_contained(
                [
                    *("rsync", *_WHOLE, *more, f"--rsh=ssh -F {self.logins.configuration}"),
                    f"--rsync-path={self.logins.privileged}rsync",
                    *(f"--link-dest={one}" for one in self.known),
                    *(["--delete-delay"] if self.delete else []),
                    *(["--checksum"] if self.checksum else []),
                    *(f"--filter=merge {rules}", self.source, self.target),
                ],
                tell,
                environment={"LC_ALL": "C.UTF-8"},
                accepted=(0, _VANISHED),
            )

    @contextmanager
    def _rules(self) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile("w", prefix="luna-rules-", errors="surrogateescape") as file:
            file.write("".join(f"{rule}\n" for rule in self.rules))
            file.flush()
            yield Path(file.name)


@contextmanager
def _reasons(told: Callable[[str], object]) -> Iterator[Callable[[str], None]]:
    """Lines that are told, and of a failure the others: what rsync and ssh said of it first and last."""
    first: list[str] = []
    last: deque[str] = deque(maxlen=_MOST_REASONS)

    def tell(line: str) -> None:
        if line.startswith("luna|") or _PROGRESS.match(line):
            told(printable(line))
        elif line:
            (first if len(first) < _MOST_REASONS else last).append(printable(line))

    try:
        yield tell
    except CommandFailed as error:
        outcome = str(error).partition("\n")[0].rstrip(":")
        raise CommandFailed("\n".join([outcome, *first, *last])) from error
