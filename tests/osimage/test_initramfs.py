"""An initramfs is made again exactly when something has changed that could be in it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Site = Any


def makes(site: Site, options: str = "") -> bool:
    """Whether a pack makes an initramfs."""
    return "making the initramfs" in site.done(f"osimage pack compute {options}").err


@pytest.fixture
def packed(compute: Site) -> Site:
    assert makes(compute)
    assert not makes(compute)
    return compute


@pytest.mark.parametrize("place", ["home/ada/data", "var/lib/data", "root/.profile", "srv/data"])
def test_what_dracut_never_reads_changes_nothing(packed: Site, place: str) -> None:
    (packed.tree / place).parent.mkdir(parents=True, exist_ok=True)
    (packed.tree / place).write_text("hello")
    assert not makes(packed)


@pytest.mark.parametrize("place", ["etc/modprobe.d/site.conf", "usr/lib/modules/6.1.0-fake/extra.ko", "opt/lib/x.so"])
def test_what_dracut_may_read_does(packed: Site, place: str) -> None:
    path = packed.tree / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("one")
    assert makes(packed)
    status = path.stat()
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert makes(packed), "a change that hides behind the old time"
    assert not makes(packed)
    path.unlink()
    assert makes(packed)


def test_the_kernel_and_the_settings_do(packed: Site) -> None:
    (packed.tree / "boot/vmlinuz-6.2.0-fake").write_text("newer kernel")
    (packed.tree / "usr/lib/modules/6.2.0-fake").mkdir()
    assert makes(packed)
    packed.done("osimage change compute --kernel-version 6.1.0-fake")
    assert makes(packed)
    assert not makes(packed)


def test_what_plugins_add_does(packed: Site, drop_in: Callable[[str], None], tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("one")
    drop_in(
        "from pathlib import Path\nfrom luna_core.types import InitrdFile\n@hookimpl\ndef luna_initrd_files(image):\n"
        f"    return [InitrdFile(source=Path('{tool}'), destination='/usr/bin/tool')]\n"
    )
    assert makes(packed)
    assert not makes(packed)
    tool.write_text("two")
    assert makes(packed)


def test_it_can_be_asked_for(packed: Site) -> None:
    assert makes(packed, "--fresh")


def test_a_dry_run_says_what_becomes_of_it(packed: Site) -> None:
    assert packed.done("osimage pack compute --dry-run -o json").json["initramfs"] == "unchanged"
    (packed.tree / "etc/motd").write_text("hello")
    assert packed.done("osimage pack compute --dry-run -o json").json["initramfs"] == "will be made anew"


def test_old_ones_are_forgotten(packed: Site) -> None:
    for number in range(10):
        (packed.tree / "etc/motd").write_text(str(number))
        assert makes(packed)
    assert len(list((packed.state / "initramfs").iterdir())) == 8


@pytest.fixture
def foreign(packed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tree is for another machine; emulators that this one has are files in a directory."""
    number = 183 if os.uname().machine == "x86_64" else 62
    shell = packed.tree / "bin/sh"
    shell.parent.mkdir(exist_ok=True)
    shell.unlink(missing_ok=True)
    shell.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + number.to_bytes(2, "little") + bytes(44))
    emulators = tmp_path / "binfmt_misc"
    emulators.mkdir()
    monkeypatch.setattr("luna_core.chroot.machine._INTERPRETERS", emulators)
    return emulators


def test_a_tree_of_another_machine_needs_an_emulator(packed: Site, foreign: Path) -> None:
    refused = packed("osimage pack compute")
    assert (refused.status, f"this machine is {os.uname().machine}" in refused.err) == (1, True)
    assert "qemu-user-static" in refused.err
    assert packed.versions() == [1]


def test_and_a_python_of_its_own(packed: Site, foreign: Path) -> None:
    for machine in ("aarch64", "x86_64"):
        (foreign / f"qemu-{machine}").touch()
    refused = packed("osimage pack compute")
    assert (refused.status, "has none in /usr/bin that is 3.11 or newer" in refused.err) == (1, True)
    assert packed.versions() == [1]
