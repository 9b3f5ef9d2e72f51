"""Trees on the controller's disk: they appear complete or not at all, and go without taking anything else along."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luna_core.errors import AlreadyExists, BadInput, LunaError
from luna_core.image.scan import mount_points
from luna_core.node.flags import read_flags, write_flags
from luna_core.run import run

_MIB = 1 << 20


def default_tree(state_directory: Path, name: str) -> Path:
    """Where an image's tree is if nobody says."""
    return state_directory / "trees" / name


def refuse_tree(image: str, tree: Path) -> None:
    """Raise AlreadyExists if there is a tree already, BadInput if there can't be one."""
    if tree.is_dir() and any(tree.iterdir()):
        raise AlreadyExists(
            f"osimage {image}: path: {tree} is not empty; accepted is a directory that is empty or doesn't exist. "
            f"'luna osimage change {image} --path …' names another; or empty it yourself, luna won't."
        )
    if tree.exists() and (not tree.is_dir() or os.path.ismount(tree)):
        what = "a mount point" if tree.is_dir() else "no directory"
        raise BadInput(f"osimage {image}: path: {tree} is {what}; accepted is a directory of its own within one.")


@contextmanager
def draft(tree: Path) -> Iterator[Path]:
    """An empty directory beside `tree` that is to become it; it vanishes unless it was put in place.

    The caller holds the tree's lock, so any other draft was left by a crash, and goes.
    """
    try:
        tree.parent.mkdir(parents=True, exist_ok=True)
        clear_drafts(tree)
        path = Path(tempfile.mkdtemp(dir=tree.parent, prefix=_prefix(tree)))
    except OSError as error:
        raise LunaError(f"{tree.parent} can't be written: {error.strerror}.") from error
    try:
        path.chmod(0o755)
        yield path
    finally:
        remove_tree(path)


def put_in_place(draft: Path, tree: Path) -> None:
    """Make the draft the tree, in one step; an empty directory there gives way."""
    if tree.exists():
        tree.rmdir()
    draft.rename(tree)


def clear_drafts(tree: Path) -> list[Path]:
    """Remove what crashed builds left beside a tree."""
    siblings = tree.parent.iterdir() if tree.parent.is_dir() else ()
    left = [one for one in siblings if one.name.startswith(_prefix(tree))]
    for path in left:
        remove_tree(path)
    return left


def remove_tree(tree: Path) -> None:
    """Delete a tree; what is mounted below it is unmounted first, for it isn't the tree's. None is no error."""
    for place in sorted(mount_points(os.fsencode(tree.resolve())), reverse=True):
        run(["umount", "--lazy", tree / os.fsdecode(place)])
    try:
        shutil.rmtree(tree)
    except FileNotFoundError:
        return
    except PermissionError:
        _clear_flags(tree)
        shutil.rmtree(tree)


def copy_tree(source: Path, target: Path) -> None:
    """Copy everything below `source`, and its own attributes, into the directory `target`, sharing blocks if possible.

    Owners, modes, times, links, extended attributes, holes and flags are kept. Raises BadInput if something is mounted
    there, CommandFailed with the names of what could not be copied.
    """
    if mounted := sorted(mount_points(os.fsencode(source.resolve()))):
        raise BadInput(f"{source} has something mounted at {os.fsdecode(mounted[0])}; unmount that first.")
    # -T with the existing directory: its own owner, mode and times are copied as well.
    # In English, for a full disk is known by what is said of it.
    run(["cp", "-a", "-T", "--reflink=auto", "--sparse=auto", source, target], environment={"LC_ALL": "C.UTF-8"})
    _copy_flags(source, target)


def size_bytes(tree: Path) -> int:
    """What a tree takes on the disk."""
    return int(run(["du", "--summarize", "--block-size=1", tree]).split()[0])


def require_space(place: Path, needed_bytes: int, what: str) -> None:
    """Raise LunaError if the file system of `place`, which need not exist, has not this much free."""
    existing = next(one for one in (place, *place.absolute().parents) if one.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise LunaError(
            f"{what} needs about {needed_bytes // _MIB} MiB in {place.parent}, and {free // _MIB} MiB are free there."
        )


def _prefix(tree: Path) -> str:
    return f".{tree.name}.luna-"


def _flagged(tree: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for directory, _, names in os.walk(tree):
        for path in (Path(directory), *(Path(directory, name) for name in names)):
            if not path.is_symlink() and (path.is_file() or path.is_dir()):
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                flags = read_flags(descriptor)
                os.close(descriptor)
                if flags:
                    yield path, flags


def _copy_flags(source: Path, target: Path) -> None:
    # From the leaves upwards: in an immutable directory nothing can be changed.
    for path, flags in reversed(list(_flagged(source))):
        _set_flags(target / path.relative_to(source), flags)


def _clear_flags(tree: Path) -> None:
    for path, _ in _flagged(tree):
        _set_flags(path, ())


def _set_flags(path: Path, flags: tuple[str, ...]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        write_flags(descriptor, flags)
    finally:
        os.close(descriptor)
