import json
import os
import signal
import socket
from collections.abc import Callable
from hashlib import shake_128
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.versions import load_version

Site = Any


def change(site: Site, text: str) -> None:
    (site.tree / "etc/motd").write_text(text)


def test_a_pack_makes_a_version_that_is_offered_and_in_force(compute: Site) -> None:
    packed = compute.pack()
    assert (packed["version"], packed["is_new"], packed["problems"]) == (1, True, [])
    assert compute.in_force() == 1
    assert compute.offered() == compute.directories() == {packed["manifest_sha256"]}
    manifest = load_version(compute.state / "images" / packed["manifest_sha256"])
    assert packed["size_bytes"] == manifest.size_bytes
    assert manifest.distro == "fake"
    assert packed["initramfs_bytes"] == manifest.initramfs.size_bytes > 0
    (listed,) = json.loads(compute.done("osimage version list compute -o json").out)
    assert listed["initramfs_bytes"] == packed["initramfs_bytes"]


def test_a_large_initramfs_is_told_of_with_what_would_make_it_smaller(
    compute: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luna_core.operations.images.pack.LARGE_INITRAMFS_BYTES", 10)
    compute.done("settings set image.initramfs_level 3")
    (problem,) = compute.pack()["problems"]
    assert "initramfs has 0.0 MB" in problem
    assert "image.initramfs_level is 3; at 19" in problem
    compute.done("settings set image.initramfs_level 19")
    assert "no CONFIG_RD_XZ" in compute.pack()["problems"][0]
    monkeypatch.setattr("luna_core.operations.images.pack.is_xz", lambda *_: True)
    monkeypatch.setattr("luna_core.operations.images.pack.largest_files", lambda *_: [("usr/lib/large.so", 18_500_000)])
    assert "largest in it, unpacked: usr/lib/large.so 18.5 MB" in compute.pack()["problems"][0]


def test_a_kernel_that_is_a_link_is_the_trees_and_no_file_of_the_controller(compute: Site, tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_text("the controller's")
    there = compute.tree / (tmp_path / "vmlinuz").relative_to("/")
    there.parent.mkdir(parents=True)
    kernel = next(compute.tree.glob("boot/vmlinuz-*"))
    kernel.rename(there)
    kernel.symlink_to(tmp_path / "vmlinuz")
    packed = compute.pack()
    assert (compute.state / "images" / packed["manifest_sha256"] / "kernel").read_text() == "fake kernel\n"


def test_an_unchanged_tree_gives_the_version_that_there_is(compute: Site) -> None:
    first = compute.pack()
    again = compute.pack()
    assert (again["version"], again["is_new"], again["new_bytes"]) == (1, False, 0)
    assert again["manifest_sha256"] == first["manifest_sha256"]
    assert "for nothing changed" in compute.done("osimage pack compute").out
    assert compute.versions() == [1]


def test_a_change_makes_the_next_version_and_an_older_tree_puts_its_version_in_force_again(compute: Site) -> None:
    os.utime(compute.tree / "etc", ns=(1, 1))
    compute.pack()
    change(compute, "hello")
    assert compute.pack()["version"] == 2
    (compute.tree / "etc/motd").unlink()
    os.utime(compute.tree / "etc", ns=(1, 1))
    again = compute.pack()
    assert (again["version"], again["is_new"], again["was_in_force"]) == (1, False, False)
    assert (compute.in_force(), compute.versions()) == (1, [1, 2])


def test_what_an_image_can_t_hold_is_named(compute: Site) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(compute.tree / "run.sock"))
    listener.close()
    assert compute.pack()["left_out"] == ["'run.sock': a socket, which the program that serves it makes anew"]
    assert "run.sock" in compute.done("osimage pack compute").out


def test_a_dry_run_foresees_the_pack_and_writes_nothing(compute: Site) -> None:
    (compute.tree / "data").write_bytes(shake_128(b"data").digest(5_000_000))
    before = json.loads(compute.done("osimage pack compute --dry-run -o json").out)
    assert before["in_force"] is None
    assert before["new_shards"] == before["shards"] > 0
    assert not (compute.state / "images").exists()
    compute.pack()
    same = compute.done("osimage pack compute --dry-run")
    assert "find nothing changed" in same.out
    change(compute, "hello " * 1000)
    after = json.loads(compute.done("osimage pack compute --dry-run -o json").out)
    assert 0 < after["new_shards"] < after["shards"]
    assert compute.versions() == [1]
    assert compute.pack()["version"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def luna_image_configure(image, root):", "luna_image_configure"),
        ("def luna_initrd_files(image):", "luna_initrd_files"),
        ("def luna_transport_publish(version):", "luna_transport_publish"),
    ],
)
def test_a_plugin_that_fails(compute: Site, drop_in: Callable[[str], None], text: str, said: str) -> None:
    """It stops a pack where the pack can't do without it; a second transport is only missed."""
    drop_in(f"@hookimpl\n{text}\n    raise RuntimeError('it broke')\n")
    done = compute("osimage pack compute -o json")
    assert said in done.err
    assert "it broke" in done.err
    assert (done.status, compute.in_force()) == ((0, 1) if "transport" in said else (1, 0))


def test_a_version_that_nobody_offers_never_comes_in_force(
    compute: Site, drop_in: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNA_DISABLE_PLUGINS", os.environ["LUNA_DISABLE_PLUGINS"] + ",http")
    refused = compute("osimage pack compute")
    assert "No transport offers version 1 of compute" in refused.err
    assert (refused.status, compute.in_force(), compute.versions()) == (1, 0, [])


def test_hooks_see_the_version_in_force_and_their_failure_is_only_told(
    compute: Site, drop_in: Callable[[str], None], tmp_path: Path
) -> None:
    drop_in(
        "import subprocess, sys, pathlib\n@hookimpl\ndef luna_image_packed(image, version):\n"
        "    luna = pathlib.Path(sys.executable).with_name('luna')\n"
        "    said = subprocess.run([luna, 'osimage', 'show', 'compute', '-o', 'json'], capture_output=True).stdout\n"
        f"    pathlib.Path('{tmp_path}/seen').write_bytes(said)\n    raise RuntimeError('it broke')\n"
    )
    done = compute.done("osimage pack compute")
    assert "it broke" in done.err
    assert json.loads((tmp_path / "seen").read_text())["latest"] == 1


def test_only_one_may_touch_a_tree_at_a_time(compute: Site, drop_in: Callable[[str], None], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "there")
    drop_in(
        "@hookimpl\ndef luna_image_configure(image, root):\n"
        f"    open('{tmp_path}/there', 'w').close()\n    open('{tmp_path}/go').close()\n"
    )
    first = compute.start("osimage", "pack", "compute")
    (tmp_path / "there").open().close()
    for line in ("osimage pack compute", "osimage clone compute other", "osimage delete compute --tree"):
        compute("group change nodes --unset osimage")
        refused = compute(line)
        assert (refused.status, f"process {first.pid} is packing osimage compute" in refused.err) == (1, True), line
    (tmp_path / "go").open("w").close()
    assert first.wait(60) == 0


def test_a_pack_that_is_interrupted_changes_nothing(
    compute: Site, drop_in: Callable[[str], None], tmp_path: Path
) -> None:
    compute.pack()
    change(compute, "hello")
    os.mkfifo(tmp_path / "there")
    drop_in(
        "import time\n@hookimpl\ndef luna_transport_publish(version):\n"
        f"    open('{tmp_path}/there', 'w').close()\n    time.sleep(60)\n"
    )
    packing = compute.start("osimage", "pack", "compute")
    (tmp_path / "there").open().close()
    packing.send_signal(signal.SIGINT)
    _, err = packing.communicate(timeout=60)
    assert packing.returncode == 130
    assert "interrupted" in err
    assert (compute.in_force(), compute.versions()) == (1, [1])


def test_retention_keeps_what_is_pinned_or_used(compute: Site) -> None:
    compute.done("settings set image.keep_versions 2")
    for number in range(1, 4):
        change(compute, f"version {number}")
        compute.pack()
        if number == 1:
            compute.done("osimage version pin compute 1")
        if number == 2:
            compute.done("group change nodes --image-version 2")
    change(compute, "version 4")
    assert compute.pack()["retired"] == []
    compute.done("group change nodes --unset image-version")
    compute.done("osimage version unpin compute 1")
    change(compute, "version 5")
    assert compute.pack()["retired"] == [1, 2, 3]
    assert compute.versions() == [4, 5]
    assert compute.offered() == compute.directories() == compute.manifests()


def test_a_transport_that_won_t_let_go_doesn_t_spoil_the_pack(compute: Site, drop_in: Callable[[str], None]) -> None:
    compute.done("settings set image.keep_versions 1")
    compute.pack()
    change(compute, "hello")
    drop_in("@hookimpl\ndef luna_transport_withdraw(version):\n    raise RuntimeError('busy')\n")
    packed = compute.pack()
    assert (packed["version"], compute.in_force(), compute.versions()) == (2, 2, [1, 2])
    assert "older versions were not deleted" in packed["problems"][0]
