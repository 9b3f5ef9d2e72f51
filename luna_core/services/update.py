"""Puts a daemon's generated files in force: checked by the daemon first, then all of them in one atomic step.

`directory` is a symbolic link to a directory beside it that holds one generation of files and its serial. A new
generation is written and checked beside it; renaming a new link over the old one is the only step that anyone sees.
"""

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fcntl import LOCK_EX, flock
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.interfaces import NetworkService
from luna_core.types import NetworkPlan

SERIAL_FILE = ".serial"
_SERIALS = 2**32


@dataclass(frozen=True, kw_only=True)
class _Generation:
    files: Mapping[str, str] = field(default_factory=dict)
    serial: int | None = None


def update(driver: NetworkService, plan: NetworkPlan, directory: Path, *, dry_run: bool = False) -> str:
    """Make the files at `directory` say what `plan` says, and return the unified diff: empty if they already did.

    With `dry_run` nothing is written or checked. Raises what the driver raises for a plan that it can't express or a
    check that fails; the old files then stay in force.
    """
    if dry_run:
        return _pending(driver, plan, directory)[1]
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        numbered, difference = _pending(driver, plan, directory)
        if difference:
            _install(driver, numbered, directory)
    return difference


def next_serial(previous: int | None, planned: int) -> int:
    """A zone serial above `previous`, the planned one if it is: 32-bit serial arithmetic (RFC 1982 section 3)."""
    if previous is None:
        return planned % _SERIALS or 1
    following = (previous + 1) % _SERIALS or 1
    return planned % _SERIALS if (planned - following) % _SERIALS < _SERIALS // 2 else following


def _pending(driver: NetworkService, plan: NetworkPlan, directory: Path) -> tuple[NetworkPlan, str]:
    current = _read(directory)
    if current.serial is not None:
        unchanged = replace(plan, serial=current.serial)
        if driver.render(unchanged, directory) == current.files:
            return unchanged, ""
    numbered = replace(plan, serial=next_serial(current.serial, plan.serial))
    return numbered, _difference(current.files, driver.render(numbered, directory))


def _install(driver: NetworkService, plan: NetworkPlan, directory: Path) -> None:
    generation = Path(tempfile.mkdtemp(dir=directory.parent, prefix=_prefix(directory)))
    try:
        # The files name each other by absolute path, so the ones that are checked can't be the ones put in force.
        _write(generation, driver.render(plan, generation))
        driver.check(generation)
        _write(generation, {**driver.render(plan, directory), SERIAL_FILE: f"{plan.serial}\n"})
        generation.chmod(0o755)
        _sync(generation)
        _switch(directory, generation)
    finally:
        _remove_others(directory)


def _switch(directory: Path, generation: Path) -> None:
    if directory.is_dir() and not directory.is_symlink():
        raise LunaError(f"{directory} is a directory that luna did not make; move it away and try again.")
    link = generation.with_name(f"{generation.name}-link")
    link.symlink_to(generation.name)
    link.replace(directory)
    _sync(directory.parent)


def _remove_others(directory: Path) -> None:
    current = directory.resolve()
    for path in directory.parent.glob(f"{_prefix(directory)}*"):
        if path.is_symlink():
            path.unlink()
        elif path != current:
            shutil.rmtree(path)


def _read(directory: Path) -> _Generation:
    files = {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}
    serial = files.pop(SERIAL_FILE, None)
    return _Generation(files=files, serial=int(serial) if serial else None)


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        with (directory / name).open("w") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    lines: list[str] = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, "").splitlines(keepends=True), new.get(name, "").splitlines(keepends=True)
        names = name if name in old else "/dev/null", name if name in new else "/dev/null"
        lines += difflib.unified_diff(before, after, *names)
    return "".join(lines)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory.parent / f".lock-{directory.name}").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _prefix(directory: Path) -> str:
    return f".{directory.name}."
