"""The boot loaders of nodes with disks, as scripts; the lab's tests boot from GRUB's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.errors import Unsupported
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.boot_loader import FakeNode
from luna_distro_debian.driver import Debian

GRUB = ("usr/sbin/update-grub", "usr/sbin/grub-install")
SYSTEMD_BOOT = ("usr/bin/bootctl", "usr/lib/systemd/boot/efi/systemd-bootx64.efi")
KERNEL = "6.1.0-50-amd64"
ASSEMBLY = "rd.retry=60 rd.lvm.lv=vg0/root rd.md.uuid=1:2:3:4"
ARGUMENTS = "console=ttyS0 name='a b' $x"


def script(root: Path, has: Sequence[str]) -> str:
    for name in (*has, f"usr/lib/modules/{KERNEL}/modules.dep", f"boot/vmlinuz-{KERNEL}", f"boot/initrd.img-{KERNEL}"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Debian().boot_loader_script(replace(facts.node(), kernel_arguments=ARGUMENTS), root)


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """One whose initramfs finds LVM and RAID."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123\n")
    return FakeNode(tmp_path, {"lsinitrd": "printf 'mdraid\\nlvm\\n'"})


def installed(calls: Sequence[str]) -> list[str]:
    return [line for line in calls if line.startswith(("grub-install", "bootctl"))]


def test_a_node_s_kernel_arguments_are_grub_s_whatever_is_in_them(node: FakeNode) -> None:
    node.run(script(node.root, GRUB), ["grub-install", "update-grub"])
    written = (node.root / "etc/default/grub.d/luna.cfg").read_text()
    given = run(["sh", "-c", f'{written}\nprintf %s "$GRUB_CMDLINE_LINUX"'])
    assert given == f"{ASSEMBLY} {ARGUMENTS}"


def test_grub_is_on_every_disk_for_the_firmware_that_booted_the_node(node: FakeNode) -> None:
    text = script(node.root, GRUB)
    bios = node.run(text, ["grub-install", "update-grub"])
    assert installed(bios) == [f"grub-install --target=i386-pc {disk}" for disk in ("/dev/vda", "/dev/vdb")]
    uefi = node.run(text, ["grub-install", "update-grub"], uefi=True)
    assert installed(uefi) == ["grub-install --removable --no-nvram --efi-directory /run/luna/esp"] * 4


def test_an_initramfs_that_would_not_find_the_root_is_made_anew(node: FakeNode) -> None:
    programs = ["grub-install", "update-grub", "dracut"]
    assert not [line for line in node.run(script(node.root, GRUB), programs) if line.startswith("dracut")]
    lacking = FakeNode(node.root, {**node.answers, "lsinitrd": "echo lvm"})
    called = lacking.run(script(node.root, GRUB), programs)
    assert f"dracut --add lvm mdraid --kver {KERNEL} /boot/initrd.img-{KERNEL}" in called


def test_initramfs_tools_are_asked_to_make_theirs_anew(node: FakeNode) -> None:
    called = node.run(script(node.root, GRUB), ["grub-install", "update-grub", "update-initramfs"])
    assert "update-initramfs -u -k all" in called


def test_systemd_boot_boots_trees_that_have_it_and_no_grub(node: FakeNode) -> None:
    called = node.run(script(node.root, SYSTEMD_BOOT), ["bootctl"], uefi=True)
    assert installed(called) == ["bootctl --esp-path=/run/luna/esp --no-variables install"] * 4
    place = node.root / "run/luna/esp"
    entry = (place / f"loader/entries/0123-{KERNEL}.conf").read_text()
    linux = f"linux      /0123/{KERNEL}/linux\n"
    assert f"options    root=/dev/mapper/vg0-root ro {ASSEMBLY} {ARGUMENTS}\n{linux}" in entry
    assert (place / f"0123/{KERNEL}/initrd.img").exists()


def test_systemd_boot_on_a_machine_with_a_bios_is_refused(node: FakeNode) -> None:
    with pytest.raises(AssertionError, match="this machine was booted by its BIOS"):
        node.run(script(node.root, SYSTEMD_BOOT), ["bootctl"])


def test_a_tree_without_either_is_no_error_of_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="grub2-common"):
        Debian().boot_loader_script(facts.node(), tmp_path)
