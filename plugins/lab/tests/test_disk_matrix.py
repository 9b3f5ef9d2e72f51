"""Layouts and boot loaders that no other test boots: installed from the network, each comes to a login from its disk.

An hour of one core, so `make matrix` runs them, and not the whole suite.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click
import pytest

from luna_lab.controller import GROUP, Controller
from luna_lab.demo import boot_all, prove
from luna_lab.lab import Lab
from luna_lab.machine import BOOT_DISK
from luna_lab.tree import DISK_PACKAGES

BOOT_WITHIN_S = 3600.0
DISK_MB = 2048
# Trees and their packed images are kept, so cases with the same packages are next to each other.
DRACUT = (*DISK_PACKAGES, "grub-efi-amd64-signed", "shim-signed", "xfsprogs", "btrfs-progs")
INITRAMFS_TOOLS = (*DISK_PACKAGES, "initramfs-tools")
SYSTEMD_BOOT = (*DISK_PACKAGES, "systemd-boot", "grub2-common-")
BIOS = "{name: bios1, type: bios, size: 1M}"
ESP = "{name: efi1, type: efi, size: 128M, format: vfat, mount: /boot/efi}"
PLAIN = """
disks:
  one: {first: true, partitions: [%s, {name: root, size: rest, format: %s, mount: /}]}
"""
MIRROR = f"""
disks:
  one:
    match: {{serial: disk1}}
    partitions: [{ESP}, {{name: root1, size: rest}}]
  two:
    match: {{serial: disk2}}
    partitions: [{{name: efi2, type: efi, size: 128M, format: vfat}}, {{name: root2, size: rest}}]
raids:
  system: {{level: 1, members: [root1, root2], format: ext4, mount: /}}
"""
XFS = f"""
disks:
  one:
    first: true
    partitions: [{ESP}, {{name: root, size: 1500M, format: xfs, mount: /}}, {{name: pv, size: rest}}]
volume_groups:
  vg0:
    members: [pv]
    volumes:
    - {{name: swap, size: 100M, format: swap}}
    - {{name: scratch, size: rest, format: ext4, mount: /scratch, keep: true}}
"""
PARTSCRIPT = """
printf 'label: dos\\nstart=1MiB, type=83, bootable\\n' | sfdisk /dev/vda
udevadm settle
mkfs.ext4 -q -F /dev/vda1
mount /dev/vda1 "$NEWROOT"
"""
pytestmark = [pytest.mark.matrix, pytest.mark.timeout(10800)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A node and its disks, and what commands say on it after its boot from them: regular expressions."""

    layout: str = ""
    partscript: str = ""
    packages: Sequence[str] = DRACUT
    disks: int = 1
    uefi: bool = True
    secure_boot: bool = False
    pulled: bool = False
    says: Mapping[str, str]


CASES = {
    "UEFI mirror without a disk": Case(layout=MIRROR, disks=2, pulled=True, says={"cat /proc/mdstat": r"\[2/1\]"}),
    "Secure Boot, xfs, swap on LVM": Case(
        layout=XFS,
        secure_boot=True,
        says={
            "mokutil --sb-state": "SecureBoot enabled",
            "findmnt -no FSTYPE /": "xfs",
            "swapon --show=NAME --noheadings": "^/dev/dm-",
            "lvs --noheadings --options lv_name,lv_tags": r"scratch +luna_keep\n",
        },
    ),
    "btrfs, BIOS": Case(layout=PLAIN % (BIOS, "btrfs"), uefi=False, says={"findmnt -no FSTYPE /": "btrfs"}),
    "partscript, BIOS": Case(partscript=PARTSCRIPT, uefi=False, says={"findmnt -no SOURCE /": "/dev/vda1"}),
    "initramfs-tools on a mirror without a disk": Case(
        layout=MIRROR,
        packages=INITRAMFS_TOOLS,
        disks=2,
        pulled=True,
        says={"cat /proc/mdstat": r"\[2/1\]", "lsinitramfs /boot/initrd.img-$(uname -r)": "scripts/local-block/mdadm"},
    ),
    "systemd-boot": Case(
        layout=PLAIN % (ESP, "ext4"), packages=SYSTEMD_BOOT, says={"bootctl status": "Product: systemd-boot"}
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_node_comes_to_a_login_from_its_disk(case: Case) -> None:
    disks_mb = [DISK_MB] * case.disks
    with Lab(memory_mb=1024, disks_mb=disks_mb, uefi=case.uefi, listener=lambda event: click.echo(event.text)) as lab:
        controller = Controller(lab, extra_packages=case.packages)
        option, text = ("--disks", case.layout) if case.layout else ("--partscript", case.partscript)
        controller.luna("group", "change", GROUP, "--root", "disk", option, "@-", stdin=text)
        controller.serve()
        (node,) = lab.machines
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        installed = prove(lab, node)
        lab.on_node(node, "sync")
        node.stop()
        if case.pulled:
            node.pull_disk(1)
        node.secure_boot, node.boot_once = case.secure_boot, BOOT_DISK
        node.start()
        lab.wait_for_ssh(node, BOOT_WITHIN_S)
        assert prove(lab, node) == installed
        assert "luna." not in lab.on_node(node, "cat /proc/cmdline")
        for command, expected in case.says.items():
            assert re.search(expected, lab.on_node(node, command))
