import os
import struct
from collections.abc import Callable, Iterator
from hashlib import shake_128
from pathlib import Path

import pytest

from luna_core.image.pack import Packed, Source, pack
from luna_core.image.versions import private_file
from luna_core.node.flags import read_flags, write_flags
from luna_core.node.unpack import Unpacker

Pack = Callable[..., Packed]
Unpack = Callable[..., tuple[str, ...]]
# Version 2, then owner, one user, group, mask and others, as linux/posix_acl_xattr.h lays them out.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 7, 2**32 - 1), (2, 6, 1000), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 4, 2**32 - 1))
)
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
LABEL = b"system_u:object_r:bin_t:s0\0"


def fill(path: Path, size: int, seed: int) -> None:
    """Text that is always the same and compresses to half its size."""
    path.write_text(shake_128(b"%d" % seed).hexdigest(size // 2 + 1)[:size])


def make_hostile(tree: Path) -> None:
    make_names(tree)
    make_attributes(tree)
    make_special(tree)
    make_sizes(tree)


def make_names(tree: Path) -> None:
    names = tree / "names"
    names.mkdir()
    odd = (
        b"new\nline",
        b"\xff\xfe not utf-8",
        "grün".encode(),
        b" spaces ",
        b"-rf",
        b"back\\slash",
        b"=%3D",
        b"n" * 255,
    )
    for name in odd:
        Path(os.fsdecode(bytes(names) + b"/" + name)).write_bytes(name)
    deep = names.joinpath(*["d" * 200] * 15)
    deep.mkdir(parents=True)
    (deep / "leaf").write_text("deep")


def make_attributes(tree: Path) -> None:
    there = tree / "attributes"
    there.mkdir()
    for number, mode in enumerate((0o0, 0o644, 0o4755, 0o2755, 0o1777, 0o7777)):
        file, directory = there / f"file{number}", there / f"directory{number}"
        file.write_text(str(mode))
        directory.mkdir()
        (directory / "inside").write_text("x")
        for path in (file, directory):
            os.chown(path, 1000 + number, 3_000_000_000 + number)
            path.chmod(mode)
    for number, time_ns in enumerate((0, 1, -1_500_000_000, 1_700_000_000_123_456_789, 2**33 * 10**9)):
        (there / f"time{number}").write_text("x")
        os.utime(there / f"time{number}", ns=(time_ns, time_ns))
    program = there / "capable"
    program.write_text("#!/bin/sh\n")
    os.chown(program, 5, 5)
    program.chmod(0o4750)
    os.setxattr(program, "security.capability", CAPABILITY)
    os.setxattr(program, "security.selinux", LABEL)
    os.setxattr(program, "trusted.luna", b"\0\n\xff")
    os.setxattr(program, "user.a=b%3D", b"")
    os.setxattr(program, "system.posix_acl_access", ACL)
    os.setxattr(there, "system.posix_acl_default", ACL)
    os.setxattr(there, "user.on-directory", b"1")
    (there / "link").symlink_to("capable")
    os.setxattr(there / "link", "trusted.on-link", b"2", follow_symlinks=False)


def make_special(tree: Path) -> None:
    there = tree / "special"
    there.mkdir()
    os.mkfifo(there / "fifo", 0o640)
    os.mknod(there / "null", 0o020666, os.makedev(1, 3))
    os.mknod(there / "disk", 0o060660, os.makedev(259, 1_000_000))
    os.setxattr(there / "null", "trusted.device", b"3")
    for name, target in (("dangling", "/no/where"), ("up", "../../../.."), ("long", "t" * 4000), ("loop", "loop")):
        (there / name).symlink_to(target)
    os.utime(there / "loop", ns=(1, 1), follow_symlinks=False)
    os.lchown(there / "loop", 7, 8)
    for name in ("fifo", "null", "loop"):
        os.link(there / name, tree / f"linked-{name}", follow_symlinks=False)
    (tree / "zz").mkdir()
    fill(there / "first", 100_000, 1)
    for number in range(20):
        os.link(there / "first", tree / "zz" / f"again{number}")


def make_sizes(tree: Path) -> None:
    there = tree / "sizes"
    there.mkdir()
    (there / "empty").touch()
    fill(there / "large", 3_000_001, 2)
    (there / "random").write_bytes(shake_128(b"3").digest(1_000_000))
    with (there / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(10 << 20)
        file.write(b"middle")
        file.truncate(20 << 30)
    with (there / "large sparse").open("wb") as file:
        for offset in (5_000_000, 40_000_000, 900_000_000):
            file.seek(offset)
            file.write(shake_128(b"%d" % offset).digest(700_000))
        file.truncate(1_000_000_000)
    with (there / "only a hole").open("wb") as file:
        file.truncate(1 << 40)
    with (there / "allocated only").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
    os.link(there / "large", there / "large again")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    path.mkdir()
    return path


@pytest.fixture
def hostile(tree: Path) -> Iterator[Path]:
    make_hostile(tree)
    guarded = [tree / "immutable", tree / "sizes"]
    guarded[0].write_text("keep")
    set_flags(guarded, ("schg", "nodump"))
    yield tree
    set_flags(guarded, ())


@pytest.fixture
def odd(tree: Path) -> Path:
    """A tree of odd names, attributes and kinds of files, with small holes."""
    make_names(tree)
    make_attributes(tree)
    make_special(tree)
    fill(tree / "large", 3_000_001, 2)
    with (tree / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(10 << 20)
        file.write(b"middle")
        file.truncate(20 << 20)
    return tree


@pytest.fixture
def packed(tmp_path: Path) -> Pack:
    """Pack a tree, by default into shards a sixteenth of the usual size, so that a small tree has many."""
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_text(name)

    def run(tree: Path, versions: Path | None = None, *, shard_bytes: int = 1 << 16, **options: object) -> Packed:
        names = ("excludes", "emptied", "packages", "private", "private_salt", "squashfs")
        facts = {key: options.pop(key) for key in names if key in options}
        source = Source(
            image="compute",
            tree=tree,
            distro="debian",
            kernel_release="6.1.0",
            kernel=tmp_path / "kernel",
            initramfs=tmp_path / "initramfs",
            **facts,  # type: ignore[arg-type]
        )
        return pack(source, versions or tmp_path / "versions", shard_bytes=shard_bytes, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "root"
    path.mkdir()
    yield path
    plain = (each for each in path.rglob("*") if not each.is_symlink())
    set_flags([each for each in plain if each.is_file() or each.is_dir()], ())


@pytest.fixture
def unpacked(root: Path) -> Unpack:
    """Unpack a version in a random order, returning what could not be restored."""

    def run(version: Packed, seed: int = 0) -> tuple[str, ...]:
        shards = sorted(version.manifest.shards, key=lambda shard: shake_128(f"{seed}{shard.name}".encode()).digest(8))
        with Unpacker(root, version.manifest, workers=3) as unpacker:
            for shard in shards:
                unpacker.offer(shard.name, version.directory / shard.name)
            if version.manifest.private:
                unpacker.offer_private(private_file(version.directory).read_bytes())
            return unpacker.finish()

    return run


@pytest.fixture
def many(tree: Path) -> Path:
    """A tree of 40 directories with 25 files each, of 10 MB in all."""
    for number in range(1000):
        path = tree / f"directory{number // 25:02}" / f"file{number:04}"
        path.parent.mkdir(exist_ok=True)
        fill(path, 10_000, number)
    return tree


def set_flags(paths: list[Path], names: tuple[str, ...]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        if read_flags(descriptor) != names:
            write_flags(descriptor, names)
        os.close(descriptor)
