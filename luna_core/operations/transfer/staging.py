"""A tree is renewed beside itself and exchanged when it is whole: whatever happens before leaves it as it was."""

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import BadInput, CommandFailed, LunaError
from luna_core.operations.images.trees import remove_tree, require_space

# Two tries that came to nothing are remembered, in case the second one was given up early.
_KEPT = 2
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@dataclass(frozen=True)
class Stage:
    """A directory beside a tree that is to become it, and those of earlier tries."""

    draft: Path
    earlier: tuple[Path, ...]


@contextmanager
def stage(tree: Path, needed_bytes: int, what: str) -> Iterator[Stage]:
    """An empty draft; it stays for the next try unless the block ends well or the disk is full.

    The caller holds the tree's lock. The names are those of other drafts, so that 'luna osimage sweep' finds them.
    Raises LunaError if there is too little room for `what`, also without what earlier tries left.
    """
    if os.path.ismount(tree):
        raise BadInput(f"{tree} is a mount point, and can't be exchanged in one step; accepted is a directory below.")
    prefix = f".{tree.name}.luna-grab-"
    try:
        tree.parent.mkdir(parents=True, exist_ok=True)
        left = sorted((one for one in tree.parent.iterdir() if one.name.startswith(prefix)), key=_age)
        kept = left[-_KEPT:] if shutil.disk_usage(tree.parent).free >= needed_bytes else []
        for old in left:
            if old not in kept:
                remove_tree(old)
        require_space(tree, needed_bytes, what)
        draft = Path(tempfile.mkdtemp(dir=tree.parent, prefix=prefix))
        draft.chmod(0o755)
    except OSError as error:
        raise LunaError(f"{tree.parent} can't be written: {error.strerror}.") from error
    try:
        yield Stage(draft, tuple(kept))
    except CommandFailed as error:
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        # Others write there too, luna's store perhaps, and the next try would find no room.
        remove_tree(draft)
        raise LunaError(
            f"{tree.parent} is full; what had come was deleted, and the tree is as it was. {error}"
        ) from error
    for done in (*kept, draft):
        remove_tree(done)


def exchange(draft: Path, tree: Path) -> None:
    """Put the draft in the place of the tree and the tree in the draft's, in one step: renameat2(2).

    Raises LunaError if their file system can't.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(draft), _AT_FDCWD, os.fsencode(tree), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        hint = " Its file system can't exchange directories; a local one can." if number == errno.EINVAL else ""
        raise LunaError(f"{tree} could not be replaced: {os.strerror(number)}.{hint} The new tree is {draft}.")


def _age(path: Path) -> int:
    return path.stat().st_ctime_ns
