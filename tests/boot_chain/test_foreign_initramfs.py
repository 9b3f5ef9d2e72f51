"""What of an initramfs for another machine is left to the emulator, and what isn't."""

import lzma
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from luna_core.boot import initramfs
from luna_core.testing import facts
from luna_core.testing.fakes.distro import FakeDistro
from luna_core.types import Image, Kernel


class Dracut(FakeDistro):
    """One whose dracut is called by a name."""

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        return ["dracut", "--kver", kernel.release, output]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that ran in a foreign tree; each made an initramfs."""
    found: list[Sequence[str]] = []

    def run_in_tree(tree: Path, work: Path, command: Iterable[str]) -> str:
        found.append(list(command))
        shutil.copyfile(tmp_path / "archive", work / "scratch/initramfs")
        (work / "modules.d/95luna/installed").touch()
        return ""

    (tmp_path / "tree/usr/lib/dracut/modules.d").mkdir(parents=True)
    (tmp_path / "runtime").mkdir()
    monkeypatch.setattr(initramfs, "is_foreign", lambda tree: True)
    monkeypatch.setattr(initramfs, "build_foreign_runtime", lambda *_, tls: tmp_path / "runtime")
    monkeypatch.setattr(initramfs, "run_in_tree", run_in_tree)
    return found


def build(directory: Path) -> Path:
    tree, output = directory / "tree", directory / "initramfs"
    kernel = Kernel(release="6.1.0", path=Path("/boot/vmlinuz"))
    initramfs.build_initramfs(tree, Dracut(), facts.image(tree), kernel, output, runtime_cache=directory / "cache")
    return output


def test_the_controller_compresses_it(tmp_path: Path, commands: list[Sequence[str]]) -> None:
    cpio = ["cpio", "--create", "--format=newc", "--quiet"]
    archive = subprocess.run(cpio, input=__file__, capture_output=True, text=True, check=True).stdout
    (tmp_path / "archive").write_text(archive)
    made = build(tmp_path)
    assert [one[:-1] for one in commands] == [["dracut", "--kver", "6.1.0"]]
    assert lzma.decompress(made.read_bytes()).decode() == archive


def test_what_dracut_compressed_stays_as_it_is(tmp_path: Path, commands: list[Sequence[str]]) -> None:
    (tmp_path / "archive").write_text("compressed in the tree")
    assert build(tmp_path).read_text() == "compressed in the tree"
    assert commands
