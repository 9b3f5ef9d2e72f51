"""Who may touch an osimage's tree, or the versions, at a time: one process of this machine."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from luna_core.errors import Conflict
from luna_core.settings import MachineSettings


def tree_lock(settings: MachineSettings, image: str, tree: Path, doing: str) -> AbstractContextManager[None]:
    """Hold a tree, whichever osimages name it, while `doing` something with it. Raises Conflict that says who does."""
    name = hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()[:16]
    return _held(settings, f"tree-{name}", f"osimage {image}: {tree}", f"{doing} osimage {image}")


def versions_lock(settings: MachineSettings, doing: str) -> AbstractContextManager[None]:
    """Hold the image versions from before one is made until it is in force. Raises Conflict that says who does."""
    return _held(settings, "versions", f"The image versions in {settings.images_directory}", doing)


@contextmanager
def _held(settings: MachineSettings, name: str, what: str, doing: str) -> Iterator[None]:
    """The kernel drops the lock with its holder, so a crash leaves none; what the file says is for people."""
    directory = settings.state_directory / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another process"
            raise Conflict(f"{what} can't be used now: {holder}. Try again when that is done.") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} is {doing}")
        file.flush()
        yield
        file.truncate(0)
