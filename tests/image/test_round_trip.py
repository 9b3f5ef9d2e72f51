import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.image.versions import private_file

Pack = Callable[..., Packed]
Unpack = Callable[..., tuple[str, ...]]


def archives(version: Packed, kind: str) -> list[bytes]:
    if kind == "private":
        return [zstandard.decompress(private_file(version.directory).read_bytes())]
    shards = [shard for shard in version.manifest.shards if shard.kind == kind]
    return [zstandard.decompress((version.directory / shard.name).read_bytes()) for shard in shards]


@pytest.mark.parametrize("shard_bytes", [1 << 16, 1 << 20])
def test_everything_is_kept(hostile: Path, root: Path, packed: Pack, unpacked: Unpack, shard_bytes: int) -> None:
    lost = unpacked(packed(hostile, shard_bytes=shard_bytes))
    assert lost == ()
    assert differences(hostile, root) == []


def test_the_same_tree_gives_the_same_bytes(hostile: Path, tmp_path: Path, packed: Pack) -> None:
    first = packed(hostile, tmp_path / "one", workers=1)
    second = packed(hostile, tmp_path / "two", workers=3)
    assert first.manifest_sha256 == second.manifest_sha256
    assert (first.directory / "manifest.json").read_bytes() == (second.directory / "manifest.json").read_bytes()


@pytest.mark.timeout(600)
def test_a_hundred_thousand_hard_links(tree: Path, root: Path, packed: Pack, unpacked: Unpack) -> None:
    for group in range(10):
        (tree / f"{group}").mkdir()
    for group in range(10):
        (tree / f"{group}" / "file").write_text(f"{group}")
        for number in range(9_999):
            os.link(tree / f"{group}" / "file", tree / f"{9 - group}" / f"link{group}-{number}")
    unpacked(packed(tree, shard_bytes=1 << 20))
    assert differences(tree, root) == []
    assert (root / "9" / "link0-9998").stat().st_nlink == 10_000


def test_holes_take_no_space(hostile: Path, root: Path, packed: Pack, unpacked: Unpack) -> None:
    version = packed(hostile)
    unpacked(version)
    assert version.manifest.unpacked_bytes < 30 << 20
    assert sum(path.stat().st_blocks * 512 for path in (root / "sizes").iterdir()) < 30 << 20


def test_a_hole_is_found_though_attributes_take_its_block(
    root: Path, packed: Pack, unpacked: Unpack, tmp_path: Path
) -> None:
    tree = tmp_path / "sparse"
    tree.mkdir()
    (tree / "file").write_bytes(b"x")
    os.truncate(tree / "file", 4123)
    for name in ("one", "two"):
        os.setxattr(tree / "file", f"trusted.{name}", bytes(100))
    unpacked(packed(tree))
    assert differences(tree, root) == []


def test_gnu_tar_reads_the_shards(hostile: Path, root: Path, packed: Pack) -> None:
    version = packed(hostile, shard_bytes=1 << 22)
    for archive in [one for kind in ("files", "private", "links", "directories") for one in archives(version, kind)]:
        options = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--delay-directory-restore"]
        subprocess.run(["tar", "-xpf", "-", "-C", root, *options], input=archive, check=True)
    # It knows no inode flags, escapes in names of attributes otherwise, and takes a part for the whole file.
    found = differences(hostile, root)
    assert [line for line in found if "flags" not in line and "large" not in line and "capable" not in line] == []


def test_python_reads_the_shards(hostile: Path, packed: Pack) -> None:
    names = set()
    for kind in ("directories", "files", "private", "links"):
        for archive in archives(packed(hostile), kind):
            with tarfile.open(fileobj=io.BytesIO(archive)) as shard:
                names |= set(shard.getnames())
    expected = {os.path.relpath(os.path.join(at, one), hostile) for at, d, f in os.walk(hostile) for one in (*d, *f)}
    assert names == expected | {"."}


def test_a_socket_is_left_out_by_name(tree: Path, root: Path, packed: Pack, unpacked: Unpack) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "control"))
    version = packed(tree)
    assert len(version.left_out) == 1
    assert "'control': a socket" in version.left_out[0]
    unpacked(version)
    assert list(root.iterdir()) == []


def test_excluded_paths_and_emptied_files(tree: Path, root: Path, packed: Pack, unpacked: Unpack) -> None:
    for name in ("etc/machine-id", "etc/ssh/ssh_host_key", "etc/ssh/sshd_config", "var/lib/dhcp/a/lease"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    version = packed(tree, excludes=["/etc/ssh/ssh_host_*", "/var/lib/dhcp/*"], emptied=["/etc/machine-id"])
    unpacked(version)
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    assert left == ["etc", "etc/machine-id", "etc/ssh", "etc/ssh/sshd_config", "var", "var/lib", "var/lib/dhcp"]
    assert (root / "etc/machine-id").read_bytes() == b""


def test_mounts_in_the_tree_are_not_crossed(tree: Path, root: Path, packed: Pack, unpacked: Unpack) -> None:
    (tree / "proc").mkdir()
    (tree / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    (tree.parent / "secret").mkdir()
    (tree.parent / "secret" / "file").write_text("of the controller")
    mounts = [(tree.parent / "secret", tree / "proc"), (tree.parent / "secret" / "file", tree / "resolv.conf")]
    try:
        for what, where in mounts:
            subprocess.run(["mount", "--bind", what, where], check=True)
        version = packed(tree)
    finally:
        for _, where in mounts:
            subprocess.run(["umount", where], check=True)
    unpacked(version)
    assert [path.name for path in root.rglob("*")] == ["proc"]
    assert len(version.left_out) == 2
