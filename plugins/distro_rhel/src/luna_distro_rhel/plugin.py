"""What RHEL adds to images: settings, what they put into a tree, and SELinux labels on what luna writes on a node."""

from collections.abc import Iterable
from pathlib import Path

from luna_core.hookspecs import hookimpl
from luna_core.types import Image, Node, Postscript, Setting
from luna_distro_rhel import settings

# What sshd-keygen@.service runs, which would do it only after luna has been told of the keys.
_HOST_KEYS = """\
for type in ed25519 ecdsa; do
    [ ! -x /usr/libexec/openssh/sshd-keygen ] || /usr/libexec/openssh/sshd-keygen "$type"
done"""


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
    """Host keys for sshd, made by RHEL's own program, and labels for the files that luna wrote."""
    if image.distro != "rhel":
        return []
    from luna_distro_rhel.selinux import script

    keys = Postscript(name="ssh host keys", stage="chroot", text=_HOST_KEYS, rank=10)
    text = script(image.path)
    return [keys, *([Postscript(name="selinux labels", stage="chroot", text=text, rank=90)] if text else [])]
