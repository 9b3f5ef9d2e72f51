"""What the RPM database of a tree says, asked of the controller's own rpm(8)."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luna_core.run import run
from luna_core.types import Kernel

_PLACES = ("usr/lib/sysimage/rpm", "var/lib/rpm")
_FILES = ("rpmdb.sqlite", "Packages", "Packages.db")
_PACKAGE = "%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n"
_FILE = "[%{=EPOCH}\t%{=VERSION}-%{=RELEASE}\t%{FILENAMES}\n]"
_KERNEL = re.compile(r"(?:/usr)?/lib/modules/([^/]+)/vmlinuz|/boot/vmlinuz-(.+)")


def database(root: Path) -> Path | None:
    """The directory of a tree's RPM database, or None if it has none."""
    places = (root / name for name in _PLACES)
    return next((one for one in places if not one.is_symlink() and any((one / name).exists() for name in _FILES)), None)


def installed_packages(root: Path) -> set[tuple[str, str]]:
    """Names and versions of all packages but the keys that RPM keeps among them."""
    lines = _query(root, "-qa", "--queryformat", _PACKAGE).splitlines()
    pairs = (line.partition("\t") for line in lines)
    return {(name, version) for name, _, version in pairs if name != "gpg-pubkey"}


def kernels(root: Path) -> list[Kernel]:
    """The kernels that packages called kernel… brought and that have their modules, by RPM's order of versions.

    The file in /usr/lib/modules is the package's own; that in /boot is a copy of it that kernel-install(8) makes.
    """
    said = _query(root, "-qa", "--queryformat", _FILE, "kernel*")
    found: dict[str, tuple[str, Path]] = {}
    for line in said.splitlines():
        epoch, version, name = line.split("\t")
        match = _KERNEL.fullmatch(name)
        if match and (path := _present(root, release := match[1] or match[2])):
            found[release] = (f"{0 if epoch == '(none)' else epoch}:{version}", path)
    # Of one version's kernels, those for debugging and the like have a name after a plus sign.
    ordered = sorted(found.items(), key=lambda one: (version_order(one[1][0]), "+" not in one[0]), reverse=True)
    return [Kernel(release=release, path=path) for release, (_, path) in ordered]


def version_order(version: str) -> list[tuple[int, int, str]]:
    """A key that sorts as rpmvercmp does: `~` before the end, `^` after it, letters before numbers."""
    parts = re.findall(r"\d+|[A-Za-z]+|[~^]", version)
    ranks = {"~": (-1, 0, ""), "^": (1, 0, "")}
    ranked = [ranks.get(part) or ((3, int(part), "") if part.isdigit() else (2, 0, part)) for part in parts]
    return [*ranked, (0, 0, "")]


def _present(root: Path, release: str) -> Path | None:
    modules = Path("/usr/lib/modules", release)
    if not (root / modules.relative_to("/")).is_dir():
        return None
    places = (modules / "vmlinuz", Path("/boot", f"vmlinuz-{release}"))
    return next((one for one in places if (root / one.relative_to("/")).is_file()), None)


def _query(root: Path, *arguments: str) -> str:
    place = database(root)
    if place is None:
        return ""
    with _copied(place) as copy:
        return run(["rpm", "--dbpath", copy, *arguments])


@contextmanager
def _copied(place: Path) -> Iterator[Path]:
    """A copy, for even a query makes and removes files beside an SQLite database, and so would change the tree."""
    with tempfile.TemporaryDirectory(prefix="luna-rpm-") as name:
        copy = Path(name, "rpm")
        shutil.copytree(place, copy)
        yield copy
