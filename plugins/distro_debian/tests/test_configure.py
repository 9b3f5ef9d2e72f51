"""What the settings put into a tree."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.run import run
from luna_core.testing import facts
from luna_distro_debian.configure import configure

pytestmark = pytest.mark.timeout(1200)
HASH = "$y$j9T$abc$def"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As much of a tree as is needed: with ifupdown, so that no service must be enabled."""
    root = tmp_path / "tree"
    for name in ("etc", "root", "usr/sbin"):
        (root / name).mkdir(parents=True)
    (root / "usr/sbin/ifup").touch()
    (root / "etc/shadow").write_text("root:!:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n")
    (root / "etc/shadow").chmod(0o640)
    return root


def apply(root: Path, keys: Path | str = "/nonexistent", **settings: Any) -> None:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    configure(facts.image(root, settings={"image.authorized_keys": str(keys), **named}), root)


def snapshot(root: Path) -> dict[Path, int]:
    return {path: path.lstat().st_ctime_ns for path in root.rglob("*")}


def test_root_s_password_is_locked_unless_a_hash_is_given(tree: Path, tmp_path: Path) -> None:
    shadow = tree / "etc/shadow"
    apply(tree)
    assert shadow.read_text() == "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n"
    (tmp_path / "hash").write_text(f"{HASH}\n")
    apply(tree, image_root_password=str(tmp_path / "hash"))
    assert shadow.read_text() == f"root:{HASH}:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n"
    assert shadow.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("content", ["secret", "$y$a:b", "$y$a b", ""])
def test_what_is_no_hash_is_refused_without_being_shown(tree: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "hash").write_text(content)
    with pytest.raises(BadInput, match="holds no hash; 'mkpasswd") as refused:
        apply(tree, image_root_password=str(tmp_path / "hash"))
    assert not content or content not in str(refused.value)
    assert (tree / "etc/shadow").read_text().startswith("root:!:")


def test_a_missing_password_file_is_named(tree: Path) -> None:
    with pytest.raises(BadInput, match="/no/such can't be read: No such file"):
        apply(tree, image_root_password="/no/such")


def test_keys_are_let_in(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("ssh-ed25519 AAAA ada\n")
    apply(tree, tmp_path / "keys")
    installed = tree / "root/.ssh/authorized_keys"
    assert installed.read_text() == "ssh-ed25519 AAAA ada\n"
    assert (installed.stat().st_mode & 0o777, installed.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("name", ["etc/shadow", "root/.ssh", "etc/default/locale"])
def test_a_link_to_what_the_controller_has_too_leads_into_the_tree(tree: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "keys").write_text("ssh-ed25519 AAAA ada\n")
    for directory in ("root/.ssh", "etc/default"):
        (tree / directory).mkdir()
    (tree / "etc/default/locale").touch()
    controllers = tmp_path / "own"
    inside = tree / controllers.relative_to("/")
    inside.parent.mkdir(parents=True)
    run(["cp", "-a", tree / name, controllers])
    (tree / name).rename(inside)
    (tree / name).symlink_to(controllers)
    apply(tree, tmp_path / "keys")
    kept, written = (run(["find", one, "-type", "f", "-exec", "cat", "{}", "+"]) for one in (controllers, inside))
    assert "root:!" in kept or not kept
    assert written not in ("", kept)


def test_a_tree_that_is_right_is_not_touched(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("ssh-ed25519 AAAA ada\n")
    apply(tree, tmp_path / "keys")
    before = snapshot(tree)
    apply(tree, tmp_path / "keys")
    assert snapshot(tree) == before


def test_a_locale_that_can_t_be_is_refused(tree: Path) -> None:
    with pytest.raises(BadInput, match="'english' was given; accepted is one as in"):
        apply(tree, debian_locale="english")
    with pytest.raises(BadInput, match="has no package locales"):
        apply(tree, debian_locale="de_DE.UTF-8")


def test_locale_and_network_of_a_true_tree(debian_tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "debian"
    run(["cp", "-a", "--reflink=auto", debian_tree, root])
    try:
        apply(root, debian_locale="de_DE.UTF-8")
        assert "de_DE.utf8" in run(["chroot", root, "locale", "-a"])
        assert (root / "etc/default/locale").read_text() == "LANG=de_DE.UTF-8\n"
        assert run(["chroot", root, "systemctl", "is-enabled", "systemd-networkd"]) == "enabled\n"
        before = snapshot(root)
        apply(root, debian_locale="de_DE.UTF-8")
        assert snapshot(root) == before
    finally:
        shutil.rmtree(root)
