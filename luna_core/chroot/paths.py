"""Names in a tree, as they are read from within it."""

import os
from pathlib import Path

_MOST_LINKS = 40


def resolve(root: Path, name: str) -> Path:
    """Where `name` in the tree is on the controller, never outside of `root`; nothing of it need exist.

    Raises OSError for links that go in a circle.
    """
    here = Path()
    pending = list(reversed(Path(name).parts))
    links = 0
    while pending:
        part = pending.pop()
        if part in ("/", ".."):
            here = Path() if part == "/" else here.parent
        elif (root / here / part).is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise OSError(f"{name} in {root} is a link to itself.")
            pending.extend(reversed(Path(os.readlink(root / here / part)).parts))
        else:
            here /= part
    return root / here
