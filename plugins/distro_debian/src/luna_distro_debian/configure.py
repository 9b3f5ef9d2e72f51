"""What of the settings is put into a tree: keys, root's password, the locale, and a network service that is on.

Nothing is written where the tree is right already, for an unchanged tree must give an unchanged version.
"""

import re
from pathlib import Path

from luna_core.distro.access import let_in, write_if_changed
from luna_core.errors import BadInput
from luna_core.run import run_contained
from luna_core.types import Image
from luna_distro_debian import settings
from luna_distro_debian.tree import renderer

_LOCALE = re.compile(r"[A-Za-z]{2,3}_[A-Z]{2}(\.([A-Za-z0-9-]+))?(@[a-z]+)?")


def configure(image: Image, root: Path) -> None:
    """Bring a tree in line with the settings. Raises BadInput, CommandFailed."""
    let_in(image, root)
    _set_locale(settings.text(image, settings.LOCALE), root, compiled=settings.needs_locales(image))
    _enable_networkd(root)


def _set_locale(locale: str, root: Path, *, compiled: bool) -> None:
    found = _LOCALE.fullmatch(locale)
    if compiled and not found:
        raise BadInput(
            f"setting {settings.LOCALE.name}: {locale!r} was given; accepted is one as in C.UTF-8 or en_US.UTF-8."
        )
    if compiled and found:
        line = f"{locale} {found[2] or 'ISO-8859-1'}\n"
        if not (root / "usr/sbin/locale-gen").exists():
            raise BadInput(
                f"setting {settings.LOCALE.name}: {locale} was given, but {root} has no package locales: "
                "'chroot' into it and install it, or build the image anew."
            )
        if write_if_changed(root, "etc/locale.gen", line) or not (root / "usr/lib/locale/locale-archive").exists():
            run_contained(["chroot", root, "locale-gen"])
    write_if_changed(root, "etc/default/locale", f"LANG={locale}\n")


def _enable_networkd(root: Path) -> None:
    """Debian leaves systemd-networkd off; a node of which nothing else configures the network would have none."""
    enabled = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    if renderer(root) == "networkd" and not enabled.is_symlink():
        run_contained(["chroot", root, "systemctl", "enable", "systemd-networkd.service"])
