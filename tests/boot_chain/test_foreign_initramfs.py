"""What of an initramfs for another machine is left to the emulator, and what isn't."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from luna_core.boot import initramfs
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.fakes.distro import FakeDistro
from luna_core.types import Image, Kernel

CONTENT = b"cpio archive " * 1000


class Compressing(FakeDistro):
    """One whose dracut compresses with a program of a name."""

    def __init__(self, program: str) -> None:
        self._program = program

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        return ["dracut", "--compress", f"{self._program} -3", "--kver", kernel.release, output]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that ran in a foreign tree; each made an initramfs."""
    found: list[Sequence[str]] = []

    def run_in_tree(tree: Path, work: Path, command: Iterable[str]) -> str:
        found.append(list(command))
        (work / "scratch/initramfs").write_bytes(CONTENT)
        (work / "modules.d/95luna/installed").touch()
        return ""

    (tmp_path / "tree/usr/lib/dracut/modules.d").mkdir(parents=True)
    (tmp_path / "runtime").mkdir()
    monkeypatch.setattr(initramfs, "is_foreign", lambda tree: True)
    monkeypatch.setattr(initramfs, "build_foreign_runtime", lambda *_, tls: tmp_path / "runtime")
    monkeypatch.setattr(initramfs, "run_in_tree", run_in_tree)
    return found


def build(directory: Path, distro: FakeDistro) -> Path:
    tree, output = directory / "tree", directory / "initramfs"
    kernel = Kernel(release="6.1.0", path=Path("/boot/vmlinuz"))
    initramfs.build_initramfs(tree, distro, facts.image(tree), kernel, output, runtime_cache=directory / "cache")
    return output


def test_the_controller_compresses_it(tmp_path: Path, commands: list[Sequence[str]]) -> None:
    made = build(tmp_path, Compressing("zstd"))
    assert [one[:-1] for one in commands] == [["dracut", "--no-compress", "--kver", "6.1.0"]]
    assert made.stat().st_size < len(CONTENT) / 2
    assert run(["zstd", "-d", "-c", made]).encode() == CONTENT


def test_the_tree_does_where_the_controller_lacks_the_program(tmp_path: Path, commands: list[Sequence[str]]) -> None:
    made = build(tmp_path, Compressing("luna-nonesuch"))
    assert commands[0][1:3] == ["--compress", "luna-nonesuch -3"]
    assert made.read_bytes() == CONTENT
