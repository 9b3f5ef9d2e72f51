"""What the boot loaders of all distributions begin with: which disks, and how the root is found."""

from pathlib import Path

import pytest

from luna_core.distro.boot_loader import FUNCTIONS
from luna_core.testing.boot_loader import FakeNode

FIRMWARE = """case "$*" in
*--create-only*) touch "$0.created" ;;
"") printf 'BootCurrent: 0001\\nBootOrder: 0003,0001\\nBoot0001* UEFI Misc Device\\nBoot0003* UEFI PXEv4\\n'
    [ ! -e "$0.created" ] || printf 'Boot0004* luna\\nBoot0005* luna\\tHD(1)\\n'
    [ -e "$0.created" ] || printf 'Boot0002* luna\\n' ;;
esac"""


def told(node: FakeNode, call: str) -> str:
    node.run(f"{FUNCTIONS}\n{call} > /run/told\n")
    return (node.root / "run/told").read_text()


def test_dracut_is_told_of_all_that_a_root_consists_of(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    assert told(node, "luna_root_arguments") == "rd.retry=60 rd.lvm.lv=vg0/root rd.md.uuid=1:2:3:4\n"
    assert told(node, "luna_root_needs").split() == ["lvm", "mdraid"]
    assert told(node, "luna_root") == "/dev/mapper/vg0-root\n"


def test_a_root_on_a_plain_partition_needs_nothing_more(tmp_path: Path) -> None:
    plain = "printf '/dev/vda1 part ext4 1111-2222\\n/dev/vda disk\\n'"
    node = FakeNode(tmp_path, {"lsblk": plain, "findmnt": 'case "$*" in *UUID*) echo 1-2 ;; *) echo /dev/vda1 ;; esac'})
    assert told(node, "luna_root_arguments").strip() == ""
    assert told(node, "luna_root") == "UUID=1-2\n"


def test_an_encrypted_root_is_named_by_the_uuid_of_what_holds_it(tmp_path: Path) -> None:
    layers = "printf '/dev/mapper/c crypt ext4 1-2\\n/dev/vda1 part crypto_LUKS 3-4\\n/dev/vda disk\\n'"
    assert told(FakeNode(tmp_path, {"lsblk": layers}), "luna_root_arguments") == "rd.luks.uuid=3-4\n"


def test_a_root_that_the_tpm_opens_has_the_name_and_the_options_of_crypttab(tmp_path: Path) -> None:
    layers = """case "$*" in
*output\\ TYPE*) printf 'crypt\\npart\\ndisk\\n' ;;
*output\\ UUID*) printf '1-2\\n3-4\\n\\n' ;;
*) printf '/dev/mapper/luna.root crypt ext4 1-2\\n/dev/vda1 part crypto_LUKS 3-4\\n/dev/vda disk\\n' ;;
esac"""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/crypttab").write_text("luna.root UUID=3-4 none luks,tpm2-device=auto\n")
    node = FakeNode(tmp_path, {"lsblk": layers})
    assert told(node, "luna_root_needs").split() == ["crypt", "tpm2-tss"]
    assert told(node, "luna_root_arguments").split() == [
        "rd.luks.uuid=3-4",
        "rd.luks.name=3-4=luna.root",
        "rd.luks.options=3-4=luks,tpm2-device=auto",
    ]
    (tmp_path / "etc/crypttab").write_text("other UUID=5-6 none luks,tpm2-device=auto\n")
    assert told(node, "luna_root_needs").split() == ["crypt"]
    assert told(node, "luna_root_arguments") == "rd.luks.uuid=3-4\n"


def test_every_disk_s_efi_system_partition_is_visited_that_of_boot_efi_first(tmp_path: Path) -> None:
    called = FakeNode(tmp_path).run(f"{FUNCTIONS}\nluna_on_each_esp install-it\n", ["install-it"])
    mounted = [line.split()[1] for line in called if line.startswith("mount ")]
    assert mounted == ["/dev/vdb1", "/dev/vda1", "/dev/vda4", "/dev/vdb4"]
    assert called.count("install-it /run/luna/esp") == 4


def test_disks_without_one_are_an_error_that_says_so(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, {"lsblk": ":", "findmnt": 'case "$*" in *efi) exit 1 ;; *) echo /dev/vda1 ;; esac'})
    with pytest.raises(AssertionError, match="no disk that holds /boot has an EFI system partition"):
        node.run(f"{FUNCTIONS}\nluna_on_each_esp install-it\n")


def test_the_firmware_has_the_network_first_and_the_disks_last(tmp_path: Path) -> None:
    called = FakeNode(tmp_path, {"efibootmgr": FIRMWARE}).run(f"{FUNCTIONS}\nluna_boot_entries\n")
    changes = [line for line in called if line.startswith("efibootmgr -")]
    assert changes[0] == "efibootmgr --quiet --bootnum 0002 --delete-bootnum"
    assert "--disk /dev/vda --part 1 --label luna --loader \\EFI\\BOOT\\BOOTX64.EFI" in "\n".join(changes)
    assert changes[-1] == "efibootmgr --quiet --bootorder 0003,0001,0004,0005"
