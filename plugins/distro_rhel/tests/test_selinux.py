"""SELinux labels, set by the policy tools' own setfiles."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from luna_core.errors import BadInput
from luna_core.run import run
from luna_core.testing import facts
from luna_distro_rhel import selinux
from luna_distro_rhel.plugin import luna_postscripts

CONTEXTS = """\
/.*\tsystem_u:object_r:default_t:s0
/etc(/.*)?\tsystem_u:object_r:etc_t:s0
/etc/shadow\t--\tsystem_u:object_r:shadow_t:s0
"""


@pytest.fixture
def tree(tmp_path: Path, readers: Path) -> Path:
    """A tree with a policy's list of labels, and with setfiles and its libraries."""
    root = tmp_path / "tree"
    contexts = root / "etc/selinux/targeted/contexts/files/file_contexts"
    contexts.parent.mkdir(parents=True)
    contexts.write_text(CONTEXTS)
    (root / "etc/selinux/config").write_text("# A policy\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
    (root / "etc/shadow").write_text("root:*:::::::\n")
    for name in ("proc", "root", "usr/sbin"):
        (root / name).mkdir(parents=True)
    program = next(readers.glob("*/**/setfiles"))
    libraries = str(next(readers.glob("usr/lib/*-linux-gnu")))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    said = subprocess.run(["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
    shutil.copy(program, root / "usr/sbin/setfiles")
    for library in (word for word in said.split() if word.startswith("/")):
        place = root / ("lib64" if "ld-linux" in library else "usr/lib") / Path(library).name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    return root


def label_of(path: Path) -> str:
    return os.getxattr(path, "security.selinux").decode().rstrip("\0")


def test_files_get_the_labels_of_the_policy_and_keep_them(tree: Path) -> None:
    image = facts.image(tree, distro="rhel")
    selinux.label(image, tree)
    assert label_of(tree / "etc/shadow") == "system_u:object_r:shadow_t:s0"
    assert label_of(tree / "etc/selinux/config") == "system_u:object_r:etc_t:s0"
    assert label_of(tree / "usr") == "system_u:object_r:default_t:s0"
    before = {path: path.lstat().st_ctime_ns for path in tree.rglob("*")}
    selinux.label(image, tree)
    assert {path: path.lstat().st_ctime_ns for path in tree.rglob("*")} == before
    assert not (tree / ".autorelabel").exists()


def test_what_luna_writes_on_a_node_gets_labels_too(tree: Path) -> None:
    keys, script = luna_postscripts(facts.image(tree, distro="rhel"), facts.node())
    run(["shellcheck", "-s", "sh", "-"], stdin=keys.text)
    assert script.stage == "chroot"
    run(["shellcheck", "-s", "sh", "-"], stdin=script.text)
    (tree / "etc/hostname").write_text("node001\n")
    # The tree has no shell, so this machine's stands in for it.
    inside = script.text.replace("[ ! -e /etc", f"[ ! -e {tree}/etc").replace("|| /usr", f"|| chroot {tree} /usr")
    run(["unshare", "--mount", "sh", "-euc", f"mount -t proc proc {tree}/proc\n{inside}"])
    assert label_of(tree / "etc/hostname") == "system_u:object_r:etc_t:s0"


@pytest.mark.parametrize("mode", ["disabled", None])
def test_without_selinux_nothing_is_labelled(tree: Path, mode: str | None) -> None:
    configuration = tree / "etc/selinux/config"
    configuration.unlink()
    if mode:
        configuration.write_text(f"SELINUX={mode}\n")
    image = facts.image(tree, distro="rhel")
    selinux.label(image, tree)
    assert os.listxattr(tree / "etc/shadow") == []
    assert [one.name for one in luna_postscripts(image, facts.node())] == ["ssh host keys"]


@pytest.mark.parametrize("missing", ["usr/sbin/setfiles", "etc/selinux/targeted/contexts/files/file_contexts"])
def test_a_tree_that_can_t_be_labelled_is_refused(tree: Path, missing: str) -> None:
    (tree / missing).unlink()
    with pytest.raises(BadInput, match=f"osimage compute: SELinux is on .* the tree has no /{missing}"):
        selinux.label(facts.image(tree, distro="rhel"), tree)
