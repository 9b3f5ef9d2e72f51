"""What Debian adds to images: settings, what they put into a tree, and host keys that each node makes for itself."""

from collections.abc import Iterable
from pathlib import Path

from luna_core.hookspecs import hookimpl
from luna_core.types import Image, Node, Postscript, Setting
from luna_distro_debian import settings

# No RSA: every client since 2014 knows the others, and a slow processor searches for its primes for a minute.
_HOST_KEYS = """\
for type in ed25519 ecdsa; do
    key=/etc/ssh/ssh_host_${type}_key
    [ ! -x /usr/sbin/sshd ] || [ -s "$key" ] || ssh-keygen -q -t "$type" -N '' -f "$key"
done"""


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """What Debian images are made of."""
    return settings.ALL


@hookimpl
def luna_image_configure(image: Image, root: Path) -> None:
    """Let the keys in, set root's password as the settings say, choose the locale, and switch the network on."""
    if image.distro == "debian":
        from luna_distro_debian.configure import configure

        configure(image, root)


@hookimpl
def luna_postscripts(image: Image, node: Node) -> Iterable[Postscript]:
    """Host keys for sshd, which Debian makes only when its package is installed."""
    if image.distro != "debian":
        return []
    return [Postscript(name="ssh host keys", stage="chroot", text=_HOST_KEYS, rank=10)]
