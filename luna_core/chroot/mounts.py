"""The mounts of a visit to a tree, in a mount namespace that ends with it.

The controller's disks and kernel settings aren't there: /dev has the harmless devices only, /sys and /proc/sys are
read-only. That keeps accidents away, not an attacker: root can leave a chroot.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from luna_core.chroot.paths import resolve
from luna_core.chroot.plan import Overlaid, Plan
from luna_core.errors import BadInput, CommandFailed
from luna_core.image.scan import mount_points
from luna_core.run import run

_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_PTMX = (5, 2)
_SHIELDED = "nosuid,nodev,noexec"


@contextmanager
def mounted(plan: Plan) -> Iterator[None]:
    """Mount everything; afterwards take away the empty files that were made for something to be mounted on.

    Raises BadInput for a place that there isn't, CommandFailed with what mount(8) says.
    """
    root = Path(plan.root)
    _mount(root, "--bind", root)
    if plan.read_only:
        _mount(root, "-o", "remount,bind,ro")
    _system(root, read_only=plan.read_only)
    for source, target in plan.binds:
        place = _existing(root, target)
        _mount(place, "--rbind", source)
        if plan.read_only:
            for below in sorted(mount_points(os.fsencode(place)) | {b"."}):
                _mount(place / os.fsdecode(below), "-o", "remount,bind,ro")
    with ExitStack() as afterwards:
        for file in plan.files:
            place = resolve(root, file.path)
            if not plan.read_only or place.is_relative_to(resolve(root, "run")):
                _make_place(place)
                afterwards.callback(_take_away, place)
            if place.exists():
                _overlay(place, file, resolve(root, "run/luna-overlaid"))
        yield


def _system(root: Path, *, read_only: bool) -> None:
    scratch = ("tmp", "var/tmp") if read_only else ()
    if not read_only:
        for name in ("proc", "sys", "dev", "run"):
            resolve(root, name).mkdir(exist_ok=True)
    proc, sys, dev, run_, *temporary = (_existing(root, name) for name in ("proc", "sys", "dev", "run", *scratch))
    _mount(proc, "-t", "proc", "-o", _SHIELDED, "proc")
    _mount(proc / "sys", "--bind", "-o", "ro", proc / "sys")
    _mount(sys, "-t", "sysfs", "-o", f"ro,{_SHIELDED}", "sysfs")
    _devices(dev)
    _temporary(run_, 0o755)
    (run_ / "lock").mkdir()
    (run_ / "lock").chmod(0o1777)
    for place in (dev / "shm", *temporary):
        _temporary(place, 0o1777)


def _devices(place: Path) -> None:
    _temporary(place, 0o755)
    for name, numbers in {**_DEVICES, "ptmx": _PTMX}.items():
        os.mknod(place / name, stat.S_IFCHR, os.makedev(*numbers))
        (place / name).chmod(0o666)
    for name, target in _LINKS.items():
        (place / name).symlink_to(target)
    (place / "shm").mkdir()
    (place / "pts").mkdir()
    # The controller's own, for the terminal that the administrator sits at is one of them.
    _mount(place / "pts", "--bind", "/dev/pts")


def _temporary(place: Path, mode: int) -> None:
    _mount(place, "-t", "tmpfs", "-o", f"nosuid,mode={mode:o}", "tmpfs")


def _make_place(place: Path) -> None:
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        # Should a crash leave it behind, it does nothing, and the next visit knows it by its mode.
        place.touch(mode=0)


def _overlay(place: Path, file: Overlaid, content: Path) -> None:
    content.write_text(file.content)
    content.chmod(file.mode)
    _mount(place, "--bind", content)
    content.unlink()


def _is_placeholder(place: Path) -> bool:
    status = place.stat()
    return not status.st_size and not stat.S_IMODE(status.st_mode)


def _existing(root: Path, name: str) -> Path:
    place = resolve(root, name)
    if not place.exists():
        raise BadInput(f"{root} has no {place.relative_to(root)} to mount on; accepted is a path that is there.")
    return place


def _mount(place: Path, *words: str | Path) -> None:
    run(["mount", "--no-mtab", *words, place])


def _take_away(place: Path) -> None:
    # Whoever was inside may have unmounted it.
    with suppress(CommandFailed):
        run(["umount", "--lazy", place])
    if place.is_file() and _is_placeholder(place):
        place.unlink()
