"""An initramfs is compressed as its kernel can undo it, and nothing of it is lost."""

import os
import subprocess
from pathlib import Path

import pytest

from luna_core.boot.compress import compress, decompressed, is_xz, members
from luna_core.boot.initramfs import largest_files
from luna_core.errors import BadInput
from luna_core.run import run
from luna_core.types import Kernel

KERNEL = Kernel(release="6.1.0", path=Path("/boot/vmlinuz"))
X86 = "CONFIG_X86_64=y\nCONFIG_XZ_DEC_X86=y\n"


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """Programs and modules, an odd name and a hard link among them, as cpio makes an initramfs of them."""
    root = tmp_path / "root"
    (root / "lib/modules/6.1.0").mkdir(parents=True)
    for name in ("lib/a.so", "lib/modules/6.1.0/igb.ko", "lib/modules/6.1.0/ext4.ko", "lib/modules/6.1.0/map", "z"):
        (root / name).write_bytes(name.encode() * 999)
    os.link(root / "z", root / "y")
    (root / "link").symlink_to("z")
    command = ["sh", "-c", "find . | sort | cpio --create --format=newc --quiet"]
    return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout


def configured(tree: Path, options: str, place: str = "boot/config-6.1.0") -> Path:
    (tree / place).parent.mkdir(parents=True)
    (tree / place).write_text(options)
    return tree


def contents(archive: bytes) -> dict[str, bytes]:
    """What each file of an archive, and of those behind it, is in it, header included."""
    return {one.path: archive[one.start : one.end] for one in members(archive)}


def filters(place: Path, content: bytes) -> str:
    place.write_bytes(content)
    return run(["xz", "--list", "-vv", place])


@pytest.mark.parametrize(
    ("options", "level", "program"),
    [
        (f"CONFIG_RD_ZSTD=y\nCONFIG_RD_XZ=y\n{X86}", 19, "xz"),
        ("CONFIG_RD_ZSTD=y\nCONFIG_RD_XZ=y\nCONFIG_ARM64=y\n", 19, "xz"),
        (f"CONFIG_RD_ZSTD=y\nCONFIG_RD_XZ=y\n{X86}", 3, "zstd"),
        (f"CONFIG_RD_ZSTD=y\n# CONFIG_RD_XZ is not set\n{X86}", 19, "zstd"),
        (f"CONFIG_RD_XZ=y\n{X86}", 3, "xz"),
    ],
)
def test_it_is_what_the_kernel_can_undo(tmp_path: Path, archive: bytes, options: str, level: int, program: str) -> None:
    made = compress(archive, configured(tmp_path / "tree", options), KERNEL, level)
    command = [program, "--decompress", "--stdout"]
    plain = subprocess.run(command, input=made, capture_output=True, check=True).stdout
    assert contents(plain) == contents(archive)
    assert plain == decompressed(made)
    (tmp_path / "made").write_bytes(made)
    assert is_xz(tmp_path / "made") is (program == "xz")
    assert largest_files(tmp_path / "made", 1) == [("lib/modules/6.1.0/ext4.ko", 24975)]


def test_a_tree_that_says_nothing_of_its_kernel_gets_xz_without_a_filter(tmp_path: Path, archive: bytes) -> None:
    made = compress(archive, tmp_path, KERNEL, 19)
    assert decompressed(made) == archive
    assert "--x86" not in filters(tmp_path / "made.xz", made)


def test_modules_come_last_and_without_the_filter_for_programs(tmp_path: Path, archive: bytes) -> None:
    place = "usr/lib/modules/6.1.0/config"
    made = compress(archive, configured(tmp_path / "tree", f"CONFIG_RD_XZ=y\n{X86}", place), KERNEL, 19)
    said = filters(tmp_path / "made.xz", made)
    assert (said.count("--x86"), said.count("--lzma2")) == (1, 2)
    paths = [one.path for one in members(decompressed(made))]
    assert [path.rpartition("/")[2] for path in paths[-4:]] == ["TRAILER!!!", "ext4.ko", "igb.ko", "TRAILER!!!"]


def test_whatever_the_order_nothing_comes_before_its_directory_and_links_stay_links(
    tmp_path: Path, archive: bytes
) -> None:
    made = decompressed(compress(archive, configured(tmp_path / "tree", f"CONFIG_RD_XZ=y\n{X86}"), KERNEL, 19))
    there = {"."}
    for path in (one.path for one in members(made) if one.path != "TRAILER!!!"):
        assert str(Path(path).parent) in there
        there.add(path)
    root = tmp_path / "unpacked"
    root.mkdir()
    subprocess.run(["cpio", "--extract", "--make-directories", "--quiet"], cwd=root, input=made, check=True)
    assert (root / "y").samefile(root / "z")
    assert (root / "y").read_bytes() == b"z" * 999
    assert (root / "link").readlink() == Path("z")


def test_what_follows_an_archive_of_microcode_is_not_lost(tmp_path: Path, archive: bytes) -> None:
    tree = configured(tmp_path / "tree", f"CONFIG_RD_XZ=y\n{X86}")
    (tmp_path / "microcode").write_text("microcode")
    command = ["cpio", "--create", "--format=newc", "--quiet"]
    early = subprocess.run(command, cwd=tmp_path, input=b"microcode", capture_output=True, check=True).stdout
    made = decompressed(compress(early + archive, tree, KERNEL, 19))
    assert contents(made) == contents(early) | contents(archive)


def test_a_kernel_that_can_undo_neither_is_refused(tmp_path: Path, archive: bytes) -> None:
    tree = configured(tmp_path / "tree", "CONFIG_RD_GZIP=y\n")
    with pytest.raises(BadInput, match=r"kernel 6\.1\.0 of .*neither CONFIG_RD_XZ=y nor CONFIG_RD_ZSTD=y"):
        compress(archive, tree, KERNEL, 19)
