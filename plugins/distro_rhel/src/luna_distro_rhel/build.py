"""A new tree by dnf."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from luna_core.distro.options import refuse_unknown
from luna_core.errors import CommandFailed
from luna_core.run import run
from luna_core.types import Image
from luna_distro_rhel import families, repositories, settings
from luna_distro_rhel.dnf import dnf

_LEFT_OVERS = ("var/cache/dnf", "var/cache/libdnf5", "var/lib/dnf/repos")
_LOGS = ("dnf*.log", "hawkey.log")


def build_tree(image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
    """Fill the empty directory `root`. Raises BadInput for a bad option, CommandFailed with dnf's last lines."""
    refuse_unknown(image, settings.OPTIONS)
    release = settings.release(image)
    family = families.of_release(release)
    found = repositories.repositories(image)
    modules, excludes = settings.arguments(image, "modules"), settings.arguments(image, "excludes")
    settings.require_names(image, "packages", packages)
    progress(f"installing {family.name} with {len(packages)} packages and what they need")
    macros = f"%_dbpath /{family.database}\n%_install_langs {settings.locale(image).partition('.')[0]}\n"
    # What modules are built for, which dnf else asks the tree's os-release, and there is none yet.
    platform = f"platform:{'f' if family is families.Fedora else 'el'}{re.split('[.-]', release)[0]}"
    with dnf(root, release, platform, repositories.text(found), macros, excludes, progress) as tool:
        tool.enable(modules)
        tool.install(packages)
    _forget_build(root)
    _require_readable(root)


def _forget_build(root: Path) -> None:
    for name in _LEFT_OVERS:
        shutil.rmtree(root / name, ignore_errors=True)
    for pattern in _LOGS:
        for path in (root / "var/log").glob(pattern):
            path.unlink()


def _require_readable(root: Path) -> None:
    """RHEL 8's rpm keeps its database in Berkeley DB, which the rpm of later releases reads and doesn't write."""
    if (root / "usr/bin/rpm").exists() and not run(["chroot", root, "rpm", "-qa"]).strip():
        raise CommandFailed(
            "The image's own rpm can't read the database that this machine's rpm wrote; "
            "build it on a controller of the same release, or import a tree."
        )
