"""The boot loader of nodes with disks, as a script: nobody here has RHEL's GRUB to boot it (see the README)."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.errors import Unsupported
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.boot_loader import FakeNode
from luna_distro_rhel.driver import Rhel

KERNELS = ("5.14.0-427.el9.x86_64", "5.14.0-503.el9.x86_64")
ARGUMENTS = "console=ttyS0 name='a b'"
ASSEMBLY = "rd.retry=60 rd.lvm.lv=vg0/root rd.md.uuid=1:2:3:4"
PROGRAMS = ("grub2-install", "grub2-mkconfig", "grub2-mkrelpath", "kernel-install")


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """One with two kernels, and what RHEL's packages put below /boot/efi."""
    files = [f"usr/lib/modules/{kernel}/vmlinuz" for kernel in KERNELS]
    vendor = [f"boot/efi/EFI/{name}" for name in ("redhat/shimx64.efi", "redhat/grubx64.efi", "BOOT/fbx64.efi")]
    for name in ("usr/sbin/grub2-mkconfig", *files, *vendor):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/grub").write_text("GRUB_TIMEOUT=3\n")
    shutil.copytree(tmp_path / "boot/efi", tmp_path / "run/luna/esp")
    return FakeNode(tmp_path, {"grub2-mkrelpath": "echo /boot/grub2"})


def call(node: FakeNode, *, uefi: bool) -> list[str]:
    given = replace(facts.node(), kernel_arguments=ARGUMENTS)
    return node.run(Rhel().boot_loader_script(given, node.root), PROGRAMS, uefi=uefi)


def test_a_node_s_kernel_arguments_reach_releases_of_either_way(node: FakeNode) -> None:
    for _ in range(2):
        call(node, uefi=False)
    line = (node.root / "etc/kernel/cmdline").read_text()
    assert line == f"root=/dev/mapper/vg0-root ro {ASSEMBLY} {ARGUMENTS}\n"
    written = (node.root / "etc/default/grub").read_text()
    given = run(["sh", "-c", f'{written}\nprintf %s "$GRUB_TIMEOUT $GRUB_ENABLE_BLSCFG $GRUB_CMDLINE_LINUX"'])
    assert given == f"3 true {ASSEMBLY} {ARGUMENTS}"


def test_every_kernel_has_an_entry_before_grub_is_configured(node: FakeNode) -> None:
    called = call(node, uefi=False)
    expected = [f"kernel-install add {kernel} /usr/lib/modules/{kernel}/vmlinuz" for kernel in KERNELS]
    assert called[-3:] == [*expected, "grub2-mkconfig --output=/boot/grub2/grub.cfg"]
    for disk in ("/dev/vda", "/dev/vdb"):
        assert f"grub2-install --target=i386-pc {disk}" in called


def test_uefi_finds_shim_and_grub_by_the_removable_path_and_grub_its_configuration(node: FakeNode) -> None:
    called = call(node, uefi=True)
    assert not [line for line in called if line.startswith("grub2-install")]
    place = node.root / "run/luna/esp/EFI"
    assert sorted(path.name for path in (place / "BOOT").iterdir()) == ["grub.cfg", "grubx64.efi"]
    stub = (place / "redhat/grub.cfg").read_text()
    assert stub == (place / "BOOT/grub.cfg").read_text()
    assert "--set=dev 1111-2222\nset prefix=($dev)/boot/grub2\n" in stub


def test_an_image_without_shim_is_an_error_that_says_so(node: FakeNode) -> None:
    for shim in node.root.rglob("shimx64.efi"):
        shim.unlink()
    with pytest.raises(AssertionError, match="install shim-x64"):
        call(node, uefi=True)


def test_a_tree_without_it_is_no_error_of_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="grub2-pc"):
        Rhel().boot_loader_script(facts.node(), tmp_path)
