"""What is built of a repository, and what is refused before anything is."""

import os
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import CommandFailed
from luna_core.run import run
from luna_core.testing import facts
from luna_core.types import Image
from luna_distro_rhel import rpm
from luna_distro_rhel.configure import configure
from luna_distro_rhel.driver import Rhel

DATABASE = "var/lib/rpm"


def image(path: Path, options: dict[str, str], **settings: Any) -> Image:
    made = facts.image(path, settings={name.replace("_", ".", 1): value for name, value in settings.items()})
    object.__setattr__(made, "options", options)
    return made


def verified(tree: Path) -> list[str]:
    """What `rpm -Va` has against a tree."""
    command = ["rpm", "--root", tree, "--dbpath", f"/{DATABASE}", "--verify", "--all"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_build_holds_what_was_asked_for_and_no_more(rhel_tree: Path) -> None:
    installed = dict(Rhel().installed_packages(rhel_tree))
    assert installed["iputils"] == "1:20210202-2.el9"
    assert installed["nodejs"] == "20.1.0-1.module_el9"
    assert {"rocky-release", "kernel", "kernel-core", "kernel-rt-core", "systemd", "of-the-group"} <= installed.keys()
    assert not {"weak", "unwanted", "gpg-pubkey"} & installed.keys()
    assert not (rhel_tree / "usr/share/locale/de/ping.mo").exists()
    assert not (rhel_tree / "usr/share/doc/iputils/README").exists()


def test_a_build_is_as_its_packages_say(rhel_tree: Path) -> None:
    assert verified(rhel_tree) == []
    assert os.getxattr(rhel_tree / "usr/bin/ping", "security.capability")
    assert oct((rhel_tree / "proc").stat().st_mode) == "0o40555"


def test_scripts_find_proc_and_devices_and_leave_no_mounts(rhel_tree: Path) -> None:
    assert (rhel_tree / "var/lib/posted").read_text().splitlines()[1:] == ["true", "1"]
    assert (rhel_tree / "var/lib/posted").read_text().startswith("Name:")
    assert [list((rhel_tree / name).iterdir()) for name in ("proc", "dev")] == [[], []]
    assert str(rhel_tree) not in Path("/proc/self/mountinfo").read_text()


def test_a_build_holds_nothing_of_the_controller(rhel_tree: Path) -> None:
    assert not (rhel_tree / "var/cache/dnf").exists()
    assert not list((rhel_tree / "var/log").glob("*.log"))
    assert not (rhel_tree / "etc/yum.repos.d").exists()


def test_what_luna_writes_is_all_that_rpm_finds_changed(rhel_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    run(["cp", "-a", "--reflink=auto", rhel_tree, tree])
    (tmp_path / "keys").write_text("ssh-ed25519 AAAA ada\n")
    settings = {"image_authorized_keys": str(tmp_path / "keys"), "rhel_locale": "en_US.UTF-8"}
    configure(image(tree, {}, **settings), tree)
    assert (tree / "etc/shadow").read_text() == "root:*:19000:0:99999:7:::\n"
    assert (tree / "etc/locale.conf").read_text() == "LANG=en_US.UTF-8\n"
    assert (tree / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA ada\n"
    assert verified(tree) == []
    before = {path: path.lstat().st_ctime_ns for path in tree.rglob("*")}
    configure(image(tree, {}, **settings), tree)
    assert {path: path.lstat().st_ctime_ns for path in tree.rglob("*")} == before


def test_asking_the_database_does_not_change_the_tree(rhel_tree: Path) -> None:
    before = {path: path.lstat().st_ctime_ns for path in rhel_tree.rglob("*")}
    assert Rhel().kernels(rhel_tree)
    assert Rhel().installed_packages(rhel_tree)
    assert {path: path.lstat().st_ctime_ns for path in rhel_tree.rglob("*")} == before


def test_kernels_are_those_of_packages_the_newest_first(rhel_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    run(["cp", "-a", "--reflink=auto", rhel_tree, tree])
    (tree / "usr/lib/modules/6.99.0-nobody-s").mkdir()
    (tree / "boot/vmlinuz-6.99.0-nobody-s").touch()
    found = [(kernel.release, str(kernel.path)) for kernel in Rhel().kernels(tree)]
    normal = "5.14.0-427.el9.x86_64"
    releases = ("5.14.0-427.13.1.el9.x86_64+rt", normal, f"{normal}+debug")
    assert found == [(release, f"/usr/lib/modules/{release}/vmlinuz") for release in releases]


def test_versions_sort_as_rpm_sorts_them() -> None:
    versions = [
        "1.0",
        "1.0~rc1",
        "1.0^git1",
        "1.0.1",
        "1.0a",
        "1.10",
        "1.9",
        "1.el9",
        "1.9_4",
        "2~~",
        "2~",
        "10",
        "1a1",
    ]
    for one, other in product(versions, repeat=2):
        said = int(run(["rpm", "--eval", f'%{{lua:print(rpm.vercmp("{one}", "{other}"))}}']))
        mine, theirs = rpm.version_order(one), rpm.version_order(other)
        assert (mine > theirs) - (mine < theirs) == said, (one, other)


def test_the_steps_are_told(repository: Any, tmp_path: Path) -> None:
    told: list[str] = []
    options = {"release": "10", "repositories": str(repository.directory), "gpg_check": "no"}
    Rhel().build(image(tmp_path, options), tmp_path, ["filesystem"], told.append)
    assert told[0] == "installing RHEL 10 with 1 packages and what they need"
    assert told[1:] == ["downloading packages", "running transaction test", "running transaction"]
    assert (tmp_path / "usr/lib/sysimage/rpm/rpmdb.sqlite").exists()


@pytest.mark.parametrize(
    ("packages", "said"),
    [(["no-such-package"], "no-such-package"), (["broken"], "no room for me here")],
)
def test_a_failure_has_the_last_lines(repository: Any, tmp_path: Path, packages: list[str], said: str) -> None:
    options = {"repositories": str(repository.directory), "gpg_check": "no"}
    with pytest.raises(CommandFailed) as failed:
        Rhel().build(image(tmp_path, options), tmp_path, packages, print)
    assert str(failed.value).startswith("dnf install failed")
    assert said in str(failed.value)


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    options = {"repositories": str(tmp_path / "empty"), "gpg_check": "no"}
    with pytest.raises(CommandFailed, match=f"file://{tmp_path}/empty"):
        Rhel().build(image(tmp_path, options), tmp_path, ["filesystem"], print)


def test_packages_that_somebody_else_signed_are_refused(repository: Any, tmp_path: Path) -> None:
    options = {"repositories": str(repository.directory), "gpg_keys": str(repository.other_key)}
    with pytest.raises(CommandFailed, match="GPG"):
        Rhel().build(image(tmp_path, options), tmp_path, ["filesystem"], print)
    assert not (tmp_path / "usr").exists()
