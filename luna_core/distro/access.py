"""Who may log in to the nodes of an image: root's keys and root's password, as the settings say.

Nothing is written where the tree is right already, for an unchanged tree must give an unchanged version.
"""

from pathlib import Path

from luna_core.chroot.paths import resolve
from luna_core.errors import BadInput
from luna_core.types import Image

KEYS = "image.authorized_keys"
PASSWORD = "image.root_password"  # noqa: S105 - the name of a setting
LOCKED = "locked"


def let_in(image: Image, root: Path) -> None:
    """Put the keys and the password of root into a tree. Raises BadInput for a file that holds no hash."""
    _install_keys(Path(str(image.cluster.settings.get(KEYS, ""))), root)
    _set_password(str(image.cluster.settings.get(PASSWORD, LOCKED)), root)


def write_if_changed(root: Path, name: str, text: str, mode: int | None = 0o644) -> bool:
    """Whether the file of a tree had to be written; `mode` None leaves an existing file's mode.

    Links are followed within the tree: an absolute one would otherwise lead to this machine's own file.
    """
    path = resolve(root, name)
    if path.is_file() and path.read_text() == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if mode is not None:
        path.chmod(mode)
    return True


def _install_keys(keys: Path, root: Path) -> None:
    if keys.is_file():
        resolve(root, "root/.ssh").mkdir(mode=0o700, parents=True, exist_ok=True)
        write_if_changed(root, "root/.ssh/authorized_keys", keys.read_text(), mode=0o600)


def _set_password(policy: str, root: Path) -> None:
    word = "*" if policy == LOCKED else _hash(Path(policy))
    shadow = resolve(root, "etc/shadow").read_text()
    lines = [line.split(":") for line in shadow.splitlines()]
    changed = [":".join([fields[0], word, *fields[2:]] if fields[0] == "root" else fields) for fields in lines]
    write_if_changed(root, "etc/shadow", "\n".join(changed) + "\n", mode=None)


def _hash(file: Path) -> str:
    try:
        word = file.read_text().strip()
    except OSError as error:
        raise BadInput(f"setting {PASSWORD}: {file} can't be read: {error.strerror}.") from error
    if not word.startswith("$") or ":" in word or len(word.split()) != 1:
        raise BadInput(f"setting {PASSWORD}: {file} holds no hash; 'mkpasswd --method=yescrypt' makes one.")
    return word
