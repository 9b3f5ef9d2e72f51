import os
import subprocess
from typing import Any

import pytest

from luna_core.boot.facts import boot_facts
from luna_core.image.compare import differences
from luna_core.model import Node
from luna_core.node.flags import write_flags
from luna_core.operations import connect

Site = Any


@pytest.fixture
def packed(compute: Site) -> Site:
    compute.pack()
    return compute


def boots(name: str) -> int:
    """The version that a node would boot."""
    with connect() as luna:
        values = luna.cluster_settings()
        directory = luna.settings.images_directory
        return luna.read(lambda work: boot_facts(work, values, work.get(Node, name), directory)).version.number


def test_a_renamed_image_keeps_its_tree_and_its_versions(packed: Site) -> None:
    packed.done("network add cluster --network 10.141.0.0/16")
    packed.done("group interface add nodes BOOTIF --network cluster")
    packed.done("node add node001 --group nodes --mac 52:54:00:00:00:01")
    packed.done("osimage rename compute hpc")
    assert boots("node001") == 1
    assert packed.done("osimage show hpc -o json").json["path"] == str(packed.tree)
    assert packed.versions("hpc") == [1]
    packed.done("osimage version pin hpc 1")
    (packed.tree / "etc/motd").write_text("hello")
    assert packed.pack("hpc")["version"] == 2
    packed.done("osimage rename hpc compute")
    assert packed.versions("compute") == [1, 2]


def test_a_name_can_be_used_again_after_a_rename(packed: Site) -> None:
    packed.done("osimage rename compute old")
    packed.done(f"osimage build compute --distro fake --path {packed.state}/trees/new")
    assert packed.pack("compute")["version"] == 1
    assert (packed.versions("old"), packed.versions("compute")) == ([1], [1])


def test_a_clone_has_an_exact_copy_of_the_tree(packed: Site) -> None:
    tree = packed.tree
    (tree / "capable").write_text("x")
    os.setxattr(tree / "capable", "user.note", b"1")
    os.chown(tree / "capable", 1000, 1001)
    os.link(tree / "capable", tree / "again")
    with (tree / "sparse").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
    os.mkfifo(tree / "fifo")
    (tree / "absolute").symlink_to("/etc/passwd")
    (tree / "guarded").write_text("x")
    descriptor = os.open(tree / "guarded", os.O_RDONLY)
    write_flags(descriptor, ("schg",))
    os.utime(tree, ns=(1, 1))
    packed.done("osimage clone compute other")
    copy = packed.state / "trees/other"
    try:
        assert differences(tree, copy) == []
        assert packed.done("osimage show other -o json").json["latest"] == 0
        assert packed.pack("other")["version"] == 1
        packed.done("osimage delete other --tree")
        assert not copy.exists()
    finally:
        write_flags(descriptor, ())
        os.close(descriptor)


def test_a_clone_that_can_t_be_is_refused_before_anything_is_copied(packed: Site) -> None:
    packed.done("osimage add other --path /srv/other")
    for line, said in (
        ("compute other", "other: the name is taken"),
        ("compute new --path " + str(packed.tree), "accepted is one apart from"),
        ("compute new --path " + str(packed.tree / "etc/new"), "accepted is one apart from"),
        ("compute new --path " + str(packed.state / "images"), "is not empty"),
        ("nothing new", "no osimage 'nothing'"),
    ):
        refused = packed(f"osimage clone {line}")
        assert (refused.status, said in refused.err) == (2, True), refused.err
    assert os.listdir(packed.state / "trees") == ["compute"]


def test_a_dry_run_of_a_clone_says_what_would_be_copied(packed: Site) -> None:
    said = packed.done("osimage clone compute other --dry-run").out
    assert f"{packed.tree} would be copied to {packed.state}/trees/other." in said
    assert not (packed.state / "trees/other").exists()
    assert packed("osimage show other").status == 2


def test_an_image_without_a_tree_is_cloned_without_one(site: Site) -> None:
    site.done("osimage add planned --path /srv/planned --distro fake")
    assert "none was copied" in site.done("osimage clone planned other").err
    assert site.done("osimage show other -o json").json["path"] == f"{site.state}/trees/other"


def test_what_is_mounted_in_a_tree_is_not_copied(packed: Site) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", packed.tree / "proc"], check=True)
    try:
        refused = packed("osimage clone compute other")
        assert "has something mounted at proc; unmount that first" in refused.err
        packed.done("group delete nodes")
        assert "has something mounted at proc" in packed("osimage delete compute --tree").err
    finally:
        subprocess.run(["umount", packed.tree / "proc"], check=True)


def test_deleting_takes_versions_along_and_leaves_the_tree(packed: Site) -> None:
    refused = packed("osimage delete compute")
    assert (refused.status, "it is used by group nodes" in refused.err) == (2, True)
    packed.done("group delete nodes")
    dry = packed.done("osimage delete compute --dry-run --tree").out
    assert "version 1 (" in dry
    assert f"the tree {packed.tree} would be deleted" in dry
    assert packed.versions() == [1]
    assert "--tree deletes it as well" in packed.done("osimage delete compute").err
    assert packed.tree.is_dir()
    assert packed.offered() == packed.directories() == packed.manifests() == set()


def test_a_precious_tree_is_never_deleted(packed: Site) -> None:
    packed.done("group delete nodes")
    packed.done(f"osimage add twin --path {packed.tree}/etc")
    assert "is also the tree of osimage twin" in packed("osimage delete compute --tree").err
    packed.done(f"osimage add all --path {packed.state}")
    assert "holds the controller's own files" in packed("osimage delete all --tree").err
    packed.done("osimage add root --path /")
    assert packed("osimage delete root --tree").status == 2
    assert packed.tree.is_dir()


def test_images_with_the_same_files_don_t_take_them_from_each_other(packed: Site) -> None:
    """A version is known by its content: after renames two images can have the same one."""
    packed.done("osimage clone compute twin")
    packed.done("group delete nodes")
    packed.done("osimage rename compute old")
    packed.done("osimage rename twin compute")
    twin = packed.pack()
    assert twin["manifest_sha256"] in packed.manifests()
    packed.done("osimage delete old")
    assert packed.offered() == packed.directories() == packed.manifests() == {twin["manifest_sha256"]}
