"""Where a generated daemon keeps what it writes itself: beside its files, which come and go with each change.

Some daemons' checkers want to see it; `update` clears away what was made for a check.
"""

import os
import shutil
from pathlib import Path

from luna_core.services.words import plain


def state_path(directory: Path) -> Path:
    """The directory for leases and the like of the daemon whose files are in `directory`.

    Raises BadInput for a path that a configuration can't hold.
    """
    return Path(plain(str(directory.parent / f"{directory.name}-state"), "state directory"))


def make_state_directory(directory: Path, *, owner: str | None = None) -> Path:
    """Create what `state_path` names, writable by the user `owner`, and return it."""
    path = state_path(directory)
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if owner and os.geteuid() == 0:
        shutil.chown(path, user=owner)
    return path
