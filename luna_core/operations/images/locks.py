"""Who may touch an osimage's tree, or the versions, at a time: one process of this machine."""

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from luna_core.errors import Conflict
from luna_core.operations.session import administrator
from luna_core.settings import MachineSettings

_ENDING_S = 30.0
_ASKED_EVERY_S = 0.05


def tree_lock(settings: MachineSettings, image: str, tree: Path, doing: str) -> AbstractContextManager[int]:
    """Hold a tree, whichever osimages name it, while `doing` something with it. Raises Conflict that says who does.

    Gives the lock's descriptor: a process that has it holds the tree as well, until it ends.
    """
    name = hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()[:16]
    return _held(settings, f"tree-{name}", f"osimage {image}: {tree}", f"{doing} osimage {image}")


def versions_lock(settings: MachineSettings, doing: str) -> AbstractContextManager[int]:
    """Hold the image versions from before one is made until it is in force. Raises Conflict that says who does."""
    return _held(settings, "versions", f"The image versions in {settings.images_directory}", doing)


@contextmanager
def _held(settings: MachineSettings, name: str, what: str, doing: str) -> Iterator[int]:
    """The kernel drops the lock with its holder, so a crash leaves none; what the file says is for people."""
    directory = settings.state_directory / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("a+") as file:
        _take(file, what)
        file.truncate(0)
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        file.write(f"process {os.getpid()} is {doing}, for {administrator()} since {since}")
        file.flush()
        try:
            yield file.fileno()
        finally:
            file.truncate(0)


def _take(file: TextIO, what: str) -> None:
    """A holder that was killed is waited for: what it had started is just ending, unless it is stopped or stuck."""
    until = time.monotonic() + _ENDING_S
    while not _took(file):
        file.seek(0)
        holder = file.read() or "another process"
        if not _has_ended(holder):
            raise Conflict(f"{what} can't be used now: {holder}. Try again when that is done.")
        if time.monotonic() >= until:
            raise Conflict(
                f"{what} can't be used now: {holder}; that process has ended, but something that it started goes on. "
                f"'fuser -v {file.name}' finds it."
            )
        time.sleep(_ASKED_EVERY_S)


def _took(file: TextIO) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _has_ended(holder: str) -> bool:
    found = re.match(r"process (\d+) ", holder)
    return found is not None and not Path("/proc", found[1]).exists()
