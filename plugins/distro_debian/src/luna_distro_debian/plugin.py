"""The settings of Debian images, and what of them is put into a tree."""

from collections.abc import Iterable
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.hookspecs import hookimpl
from luna_core.run import run
from luna_core.types import Image, Node, Postscript, Setting
from luna_distro_debian.tree import renderer

RELEASE = Setting(name="debian.release", default="bookworm", help="Suite that Debian images are built of.")
MIRROR = Setting(name="debian.mirror", default="", help="Debian archive; the controller's own if empty.")
COMPONENTS = Setting(name="debian.components", default=("main",), help="Components of the archive.")
REPOSITORIES = Setting(
    name="debian.repositories", default=(), help="Further repositories, as lines of sources.list(5)."
)
LOCALE = Setting(name="debian.locale", default="C.UTF-8", help="LANG of Debian images.")
KEYS = Setting(
    name="image.authorized_keys",
    default="/root/.ssh/authorized_keys",
    help="File with the ssh keys that may log in to nodes as root.",
)
PASSWORD = Setting(
    name="image.root_password", default="locked", help="`locked`, or a file that holds root's crypt(5) hash."
)


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """What Debian images are made of."""
    return [RELEASE, MIRROR, COMPONENTS, REPOSITORIES, LOCALE, KEYS, PASSWORD]


@hookimpl
def luna_image_configure(image: Image, root: Path) -> None:
    """Let the keys in, set root's password as the settings say, and choose the locale."""
    if image.distro != "debian":
        return
    values = image.cluster.settings
    _install_keys(Path(str(values.get(KEYS.name, KEYS.default))), root)
    _set_password(str(values.get(PASSWORD.name, PASSWORD.default)), root)
    _write(root / "etc/default/locale", f"LANG={values.get(LOCALE.name, LOCALE.default)}\n")
    _enable_networkd(root)


@hookimpl
def luna_postscripts(image: Image, node: Node) -> Iterable[Postscript]:
    """Host keys for sshd, which Debian makes only when its package is installed."""
    if image.distro != "debian":
        return []
    script = """for type in ed25519 ecdsa rsa; do
    key=/etc/ssh/ssh_host_${type}_key
    [ ! -x /usr/sbin/sshd ] || [ -s "$key" ] || ssh-keygen -q -t "$type" -N '' -f "$key"
done"""
    return [Postscript(name="ssh host keys", stage="chroot", text=script, rank=10)]


def _enable_networkd(root: Path) -> None:
    """Debian leaves systemd-networkd off; a node of which nothing else configures the network would have none."""
    enabled = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    if renderer(root) == "networkd" and not enabled.is_symlink():
        run(["chroot", root, "systemctl", "enable", "systemd-networkd.service"])


def _install_keys(keys: Path, root: Path) -> None:
    if not keys.is_file():
        return
    directory = root / "root/.ssh"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(directory / "authorized_keys", keys.read_text(), mode=0o600)


def _set_password(policy: str, root: Path) -> None:
    word = "*" if policy == "locked" else _hash(Path(policy))
    shadow = root / "etc/shadow"
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    changed = [":".join([fields[0], word, *fields[2:]] if fields[0] == "root" else fields) for fields in lines]
    _write(shadow, "\n".join(changed) + "\n", mode=0o640)


def _hash(file: Path) -> str:
    try:
        word = file.read_text().strip()
    except OSError as error:
        raise BadInput(f"setting {PASSWORD.name}: {file} can't be read: {error.strerror}.") from error
    if not word.startswith("$") or ":" in word or len(word.split()) != 1:
        raise BadInput(f"setting {PASSWORD.name}: {file} holds no hash; 'mkpasswd --method=yescrypt' makes one.")
    return word


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Leave a file that is right already alone: an unchanged tree must give an unchanged version."""
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
