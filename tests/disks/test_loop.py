"""Layouts carried out on a real block device of this machine, as root. RAID and LVM are booted in the lab."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """A disk of 512 MiB."""
    image = tmp_path / "disk"
    image.write_bytes(b"")
    os.truncate(image, 512 << 20)
    path = run("losetup", "--find", "--show", "--partscan", image)
    try:
        yield path
    finally:
        subprocess.run(["partx", "--delete", path], check=False, capture_output=True)
        run("losetup", "--detach", path)


@pytest.fixture
def layout(disk: str, simple: Any) -> Any:
    """The layout for that disk, with sizes that fit."""
    system = simple["disks"]["system"]
    system["match"] = {"path": disk}
    for part, size in zip(system["partitions"], ("1M", "128M", "64M", "rest"), strict=True):
        part["size"] = size
    system["partitions"][3] |= {"format": "ext4", "mount_options": "noatime"}
    return simple


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Does what a node does, and then runs a shell script in the new root.

    The mounts are in a namespace of their own, so that they end with it, and nobody else's can hold them.
    """

    def once(layout: Any, then: str = "true") -> "subprocess.CompletedProcess[str]":
        (tmp_path / "job.json").write_text(json.dumps({"node_id": "node-1", "layout": layout}))
        (tmp_path / "root").mkdir(exist_ok=True)
        places = [str(tmp_path / name) for name in ("job.json", "found", "etc", "root")]
        program = [sys.executable, "-m", "luna_core.node.disks", *places]
        root = tmp_path / "root"
        script = f"trap 'cd /; umount --recursive --quiet {root} || :' EXIT; \"$@\"; cd {root}; {then}"
        inside = ["sh", "-euc", script, "sh", *program]
        command = ["unshare", "--mount", "--propagation", "private", *inside]
        return subprocess.run(command, capture_output=True, text=True)

    return once


def test_an_installation_keeps_what_it_is_to_keep_and_refuses_what_is_foreign(
    disk: str, layout: Any, install: Install, tmp_path: Path
) -> None:
    first = install(layout, then='echo mine > scratch/mine; touch old; cd /; "$@"')
    assert first.returncode == 1, "the disk is still in use when it is installed to again"
    assert "is in use, mounted at" in first.stdout.splitlines()[-1]
    uuids = {number: run("blkid", "-p", "-o", "value", "-s", "UUID", f"{disk}p{number}") for number in "234"}
    assert (tmp_path / "etc/fstab").read_text().splitlines() == [
        f"UUID={uuids['2']} / ext4 defaults 0 1",
        f"UUID={uuids['3']} none swap defaults 0 0",
        f"UUID={uuids['4']} /scratch ext4 noatime 0 2",
    ]
    root, swap = layout["disks"]["system"]["partitions"][1:3]
    root["size"], swap["size"] = "64M", "128M"
    second = install(layout, then="cat scratch/mine; ls")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "sfdisk" in second.stdout, "there is another table around what is kept"
    assert second.stdout.split()[-3:] == ["mine", "lost+found", "scratch"]


@pytest.mark.parametrize("program", ["partx", "mkfs.ext4"])
def test_what_an_interrupted_installation_left_is_not_kept(
    program: str, disk: str, layout: Any, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert install(layout, then="touch scratch/stale").returncode == 0
    run("partx", "--delete", disk)
    run("wipefs", "--all", "--quiet", disk)
    failing = tmp_path / "programs" / program
    failing.parent.mkdir()
    failing.write_text(f'#!/bin/sh\n{shutil.which(program)} "$@"\ncase "$*" in *{disk}|*{disk}p4) exit 9 ;; esac\n')
    failing.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{failing.parent}:{os.environ['PATH']}")
        assert "ended with exit status 9" in install(layout).stdout
    assert run("blkid", "-p", "-o", "value", "-s", "TYPE", f"{disk}p4") == "ext4", "it has done its work nevertheless"
    again = install(layout, then="ls scratch; touch scratch/mine").stdout
    assert re.search(rf"partition scratch {disk}p4 .*: used, ext4 at /scratch\n", again)
    assert "stale" not in again.split()
    assert "mine" in install(layout, then="ls scratch").stdout.split(), "from then on it is kept"


def test_foreign_data_is_wiped_only_if_the_layout_says_so(disk: str, layout: Any, install: Install) -> None:
    run("mkfs.ext4", "-q", "-F", "-L", "precious", disk)
    before = run("sha256sum", disk)
    refused = install(layout)
    assert refused.returncode == 1
    assert "for 'system' holds ext4 'precious'" in refused.stdout.splitlines()[-1]
    assert run("sha256sum", disk) == before
    layout["disks"]["system"]["wipe"] = True
    wiped = install(layout)
    assert wiped.returncode == 0, wiped.stdout + wiped.stderr


def test_a_disk_whose_table_the_kernel_cannot_read_is_not_blank(disk: str, layout: Any, install: Install) -> None:
    assert install(layout).returncode == 0
    run("partx", "--delete", disk)
    # The GPT's header; its copy at the end is whole.
    run("dd", "if=/dev/zero", f"of={disk}", "bs=512", "seek=1", "count=1", "conv=notrunc,fsync")
    before = run("sha256sum", disk)
    refused = install(layout)
    assert refused.returncode == 1, "what is to be kept would be lost"
    assert "holds a partition table (gpt) that the kernel can't read" in refused.stdout.splitlines()[-1]
    assert run("sha256sum", disk) == before
