"""A node with UEFI and LVM: it boots from its disk, and is installed anew with what changed, and keeps what it may."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from luna_core.run import run
from luna_lab.controller import GROUP, IMAGE, Controller
from luna_lab.demo import Proof, boot_all, prove, shares, watch
from luna_lab.lab import Lab
from luna_lab.tree import DISK_PACKAGES

BOOT_WITHIN_S = 1800.0
LAYOUT = """
disks:
  one:
    match: {serial: disk1}
    partitions:
    - {name: efi1, type: efi, size: 64M, format: vfat, mount: /boot/efi}
    - {name: pv1, size: rest}
volume_groups:
  vg0:
    members: [pv1]
    volumes:
    - {name: root, size: 1000M, format: ext4, mount: /}
    - {name: scratch, size: 100M, format: ext4, mount: /scratch, keep: true}
    - {name: cache, size: rest, format: ext4, label: luna-cache, keep: true}
"""
# The firmware would try IPv6 for more than a minute before it comes to the disk.
WITHOUT_IPV6 = ("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n")
# /boot has the boot loader besides.
PLACES = ("usr", "opt", "srv", "etc/apt", "etc/pam.d", "var/lib/dpkg")
ADDED, REMOVED = "usr/local/bin/added", "usr/bin/chattr"
pytestmark = pytest.mark.timeout(3600)
Compare = Callable[..., Sequence[str]]


@dataclass(frozen=True)
class Boots:
    """What was seen after the boot from the disk, and after the second installation."""

    installed: Proof
    local: Proof
    local_mounts: str
    local_firmware: str
    again: Proof
    scratch: str
    different: Sequence[str]
    log: str
    fetched_bytes: int
    size_bytes: int


def start(controller: Controller, event: str) -> Proof:
    lab = controller.lab
    (node,) = lab.machines
    if node.running:
        lab.on_node(node, "sync")
        node.stop()
    before = lab.events.of(node.name)[-1]
    node.start(WITHOUT_IPV6)
    lab.events.wait(node.name, event, BOOT_WITHIN_S, after=before)
    watch(controller, [node.name], BOOT_WITHIN_S)
    return prove(lab, node)


def change_image(controller: Controller) -> Path:
    """Add a file and remove one in a copy of the tree, and pack that."""
    (path,) = (row["path"] for row in json.loads(controller.luna("osimage", "list", "-o", "json")))
    tree = controller.lab.directory / "tree"
    run(["cp", "--archive", path, tree])
    (tree / ADDED).write_bytes(b"added\n" * 100_000)
    (tree / REMOVED).unlink()
    controller.luna("osimage", "change", IMAGE, "--path", str(tree))
    controller.luna("osimage", "pack", IMAGE)
    return tree


@pytest.fixture(scope="module")
def done(differences: Compare) -> Boots:
    with Lab(memory_mb=1024, disks_mb=[1536], uefi=True) as lab:
        controller = Controller(lab, extra_packages=DISK_PACKAGES)
        profile = ["--root", "disk", "--shard-cache", "LABEL=luna-cache", "--disks", "@-"]
        controller.luna("group", "change", GROUP, *profile, stdin=LAYOUT)
        controller.serve()
        (node,) = lab.machines
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        installed = prove(lab, node)
        lab.on_node(node, "echo mine > /scratch/file")
        controller.luna("node", "change", "node001", "--local-boot")
        local = start(controller, "booting from its own disk")
        mounts = lab.on_node(node, "findmnt --real --noheadings --raw --output TARGET,SOURCE,FSTYPE")
        firmware = lab.on_node(node, "efibootmgr")
        tree = change_image(controller)
        controller.luna("node", "change", "node001", "--no-local-boot")
        again = start(controller, "booting compute version 2")
        fetched = shares(controller, ["node001"])
        versions = json.loads(controller.luna("osimage", "version", "list", IMAGE, "-o", "json"))
        return Boots(
            *(installed, local, mounts, firmware, again),
            scratch=lab.on_node(node, "cat /scratch/file"),
            different=differences(lab, node, tree, places=PLACES),
            log=lab.on_node(node, "cat /run/luna/download.log"),
            fetched_bytes=fetched.peer_bytes + fetched.server_bytes,
            size_bytes=next(row["size_bytes"] for row in versions if row["in_force"]),
        )


def test_the_node_boots_from_its_volumes_and_is_the_same_node(done: Boots) -> None:
    assert done.local == done.installed
    mounted = done.local_mounts.splitlines()
    assert {"/ /dev/mapper/vg0-root ext4", "/scratch /dev/mapper/vg0-scratch ext4"} <= set(mounted)
    assert "/boot/efi /dev/vda1 vfat" in mounted


def test_the_firmware_keeps_an_entry_for_the_disk_behind_the_network(done: Boots) -> None:
    lines = dict(line.split(maxsplit=1) for line in done.local_firmware.splitlines())
    (own,) = (name.removeprefix("Boot").rstrip("*") for name, text in lines.items() if text.startswith("luna"))
    first, *later = lines["BootOrder:"].split(",")
    assert "PXEv4" in lines[f"Boot{first}*"]
    assert own in later


def test_an_installation_anew_keeps_what_is_to_be_kept_and_has_exactly_the_new_version_else(done: Boots) -> None:
    assert done.again == done.installed
    assert done.scratch == "mine\n"
    assert done.different == []


def test_only_what_changed_was_fetched(done: Boots) -> None:
    assert "shards are here from another version" in done.log
    assert 0 < done.fetched_bytes < done.size_bytes
