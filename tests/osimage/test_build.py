import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Site = Any


def test_a_build_makes_the_tree_and_the_image(site: Site) -> None:
    done = site.done("osimage build compute --distro fake --release 3 --option packages=vim,htop")
    assert str(site.tree) in done.out
    assert (site.tree / "etc/os-release").exists()
    assert {"vim", "htop", "fake-kernel"} <= {one.name for one in (site.tree / "usr/share/fake-packages").iterdir()}
    shown = site.done("osimage show compute -o json").json
    assert (shown["path"], shown["distro"]) == (str(site.tree), "fake")
    assert shown["options"] == {"release": "3", "packages": "vim,htop"}
    assert site.tree.stat().st_mode & 0o777 == 0o755


def test_an_image_that_exists_is_built_where_it_says(site: Site, tmp_path: Any) -> None:
    site.done(f"osimage add compute --distro fake --path {tmp_path}/there")
    site.done("osimage build compute")
    assert (tmp_path / "there/etc/os-release").exists()


def test_plugins_name_packages(site: Site, drop_in: Callable[[str], None]) -> None:
    drop_in("@hookimpl\ndef luna_image_packages(image):\n    return ['slurmd']\n")
    site.done("osimage build compute --distro fake")
    assert (site.tree / "usr/share/fake-packages/slurmd").exists()


def test_a_tree_is_never_overwritten(compute: Site) -> None:
    (compute.tree / "precious").write_text("work of weeks")
    refused = compute("osimage build compute")
    assert refused.status == 2
    assert "is not empty" in refused.err
    assert (compute.tree / "precious").read_text() == "work of weeks"


def test_a_build_that_fails_leaves_nothing(site: Site) -> None:
    failed = site("osimage build compute --distro fake --option packages=missing")
    assert failed.status == 1
    assert "found no package 'missing'" in failed.err
    assert list((site.state / "trees").iterdir()) == []
    assert site.done("osimage list -o json").json == []


def test_a_build_that_is_killed_leaves_what_the_next_one_removes(site: Site) -> None:
    site.python(
        "import os; from luna_core.testing.fakes import distro\n"
        "distro._write = lambda *_: os._exit(9)\n"
        "from luna_core.cli.main import run; run(['osimage', 'build', 'compute', '--distro', 'fake'])"
    )
    assert [one.name.startswith(".compute.luna-") for one in (site.state / "trees").iterdir()] == [True]
    assert site.done("osimage list -o json").json == []
    site.done("osimage build compute --distro fake")
    assert [one.name for one in (site.state / "trees").iterdir()] == ["compute"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("osimage build compute", "can't choose one to build; 'luna osimage build compute --distro …'"),
        ("osimage build compute --distro plan9", "no distro driver 'plan9'"),
        ("osimage build compute --distro fake --path relative", "path"),
        ("osimage build compute --distro fake --release 3 --option release=4", "give one"),
        ("osimage build b@d --distro fake", "b@d"),
    ],
)
def test_bad_input_is_named_and_makes_nothing(site: Site, line: str, said: str) -> None:
    refused = site(line)
    assert (refused.status, said in refused.err) == (2, True), refused.err
    assert site.done("osimage list -o json").json == []
    assert not (site.state / "trees").exists()


def test_an_existing_image_is_not_changed_in_passing(compute: Site) -> None:
    refused = compute("osimage build compute --distro debian")
    assert refused.status == 2
    assert "distro: 'debian' was given, but there is such an osimage already, with 'fake'" in refused.err


def test_a_disk_that_is_too_full_is_told_beforehand(site: Site, tmp_path: Any) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
    try:
        refused = site(f"osimage build compute --distro fake --path {small}/tree")
        assert refused.status == 1
        assert "needs about 2048 MiB" in refused.err
        assert "4 MiB are free" in refused.err
        mounted = site(f"osimage build compute --distro fake --path {small}")
        assert "is a mount point" in mounted.err
    finally:
        subprocess.run(["umount", small], check=True)
