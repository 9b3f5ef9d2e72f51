"""What RHEL adds to images: settings, what they put into a tree, and SELinux labels on what luna writes on a node."""

from collections.abc import Iterable
from pathlib import Path

from luna_core.hookspecs import hookimpl
from luna_core.types import Image, Node, Postscript, Setting
from luna_distro_rhel import settings


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """What RHEL images are made of."""
    return settings.ALL


@hookimpl
def luna_image_configure(image: Image, root: Path) -> None:
    """Let the keys in, set root's password as the settings say, choose the locale, and label the files."""
    if image.distro == "rhel":
        from luna_distro_rhel.configure import configure

        configure(image, root)


@hookimpl
def luna_postscripts(image: Image, node: Node) -> Iterable[Postscript]:
    """Labels for the files that luna wrote; host keys are made by RHEL's own sshd-keygen@.service."""
    if image.distro != "rhel":
        return []
    from luna_distro_rhel.selinux import script

    text = script(image.path)
    return [Postscript(name="selinux labels", stage="chroot", text=text, rank=90)] if text else []
