"""What of the settings is put into a tree: keys, root's password, the locale, and SELinux labels for all of it."""

from pathlib import Path

from luna_core.distro.access import let_in, write_if_changed
from luna_core.types import Image
from luna_distro_rhel import selinux, settings


def configure(image: Image, root: Path) -> None:
    """Bring a tree in line with the settings. Raises BadInput, CommandFailed."""
    let_in(image, root)
    write_if_changed(root, "etc/locale.conf", f"LANG={settings.locale(image)}\n")
    # Last, so that the files above have labels too.
    selinux.label(image, root)
