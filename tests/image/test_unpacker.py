import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

import luna_core.node
from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.node.errors import DamagedShard, UnpackError
from luna_core.node.manifest import Kind, Manifest, Shard
from luna_core.node.unpack import Unpacker

Pack = Callable[..., Packed]


def forged(version: Packed, members: list[tarfile.TarInfo], kind: Kind = Kind.FILES) -> tuple[Manifest, bytes]:
    """A manifest with one shard that luna would never pack."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    content = buffer.getvalue()
    packed = zstandard.compress(content)
    digest = sha256(packed).hexdigest()
    shard = Shard(
        name=f"shards/{digest}.tar.zst",
        kind=kind,
        sha256=digest,
        size_bytes=len(packed),
        unpacked_sha256=sha256(content).hexdigest(),
        unpacked_bytes=len(content),
    )
    return replace(version.manifest, shards=(shard,)), packed


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, size, 0o644
    return info


def unpack_forged(root: Path, manifest: Manifest, packed: bytes) -> None:
    with Unpacker(root, manifest) as unpacker:
        unpacker.offer(manifest.shards[0].name, packed)
        unpacker.finish()


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "..", "a//b", "a/./b"])
def test_names_that_lead_out_are_refused(tree: Path, root: Path, packed: Pack, name: str) -> None:
    manifest, shard = forged(packed(tree), [member(name, size=3)])
    with pytest.raises(UnpackError, match="not a name below the root"):
        unpack_forged(root, manifest, shard)
    assert not (root.parent / "outside").exists()


def test_an_absolute_name_stays_out(tree: Path, root: Path, tmp_path: Path, packed: Pack) -> None:
    manifest, shard = forged(packed(tree), [member(str(tmp_path / "outside"), size=3)])
    shard_bytes = zstandard.compress(zstandard.decompress(shard).replace(b"x" * 3, b"y" * 3))
    assert shard_bytes != shard
    with pytest.raises(UnpackError, match="not a name below the root"):
        unpack_forged(root, manifest, shard)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_link_in_the_way_is_not_followed(tree: Path, root: Path, tmp_path: Path, packed: Pack, kind: bytes) -> None:
    (tmp_path / "outside").mkdir()
    trap = [member("trap", tarfile.SYMTYPE, str(tmp_path / "outside")), member("trap/file", kind, "t")]
    manifest, shard = forged(packed(tree), trap)
    with pytest.raises(UnpackError, match=r"'trap' is in the way|unknown type"):
        unpack_forged(root, manifest, shard)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_at_the_place_of_a_file_is_replaced(tree: Path, root: Path, tmp_path: Path, packed: Pack) -> None:
    (tree / "file").write_text("new")
    version = packed(tree)
    (tmp_path / "outside").write_text("untouched")
    (root / "file").symlink_to(tmp_path / "outside")
    with Unpacker(root, version.manifest) as unpacker:
        for shard in version.manifest.shards:
            unpacker.offer(shard.name, version.directory / shard.name)
        unpacker.finish()
    assert (tmp_path / "outside").read_text() == "untouched"
    assert differences(tree, root) == []


def test_a_part_is_not_written_into_a_device(tree: Path, root: Path, packed: Pack) -> None:
    with (tree / "file").open("wb") as file:
        file.truncate(1 << 20)
    version = packed(tree)
    os.mknod(root / "file", 0o020600, os.makedev(1, 3))
    with Unpacker(root, version.manifest) as unpacker:
        for shard in version.manifest.shards:
            unpacker.offer(shard.name, version.directory / shard.name)
        with pytest.raises(UnpackError, match="'file' is in the way; it is not a file"):
            unpacker.finish()


def test_hard_links_to_the_outside_are_refused(tree: Path, root: Path, tmp_path: Path, packed: Pack) -> None:
    (tmp_path / "secret").write_text("secret")
    manifest, shard = forged(packed(tree), [member("copy", tarfile.LNKTYPE, "../secret")], Kind.LINKS)
    with pytest.raises(UnpackError, match="not a name below the root"):
        unpack_forged(root, manifest, shard)
    assert not (root / "copy").exists()


def test_a_damaged_shard_can_be_offered_again(many: Path, root: Path, packed: Pack) -> None:
    version = packed(many)
    with Unpacker(root, version.manifest) as unpacker:
        for shard in version.manifest.shards:
            whole = (version.directory / shard.name).read_bytes()
            for wrong in (b"", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
                with pytest.raises(DamagedShard, match=shard.name):
                    unpacker.offer(shard.name, wrong).result()
            unpacker.offer(shard.name, whole).result()
        assert unpacker.missing() == []
        assert unpacker.unpacked_bytes == version.manifest.unpacked_bytes
        unpacker.finish()
    assert differences(many, root) == []


def test_finishing_too_early_says_what_is_missing(many: Path, root: Path, packed: Pack) -> None:
    version = packed(many)
    *most, last = version.manifest.shards
    with Unpacker(root, version.manifest) as unpacker:
        for shard in most:
            unpacker.offer(shard.name, version.directory / shard.name)
        with pytest.raises(UnpackError, match=f"1 shards are missing, the first is {last.name}"):
            unpacker.finish()
        unpacker.offer(last.name, version.directory / last.name)
        unpacker.finish()
        unpacker.finish()
        with pytest.raises(UnpackError, match="no shard 'shards/other'"):
            unpacker.offer("shards/other", b"")
    assert differences(many, root) == []


def test_what_the_file_system_cant_keep_is_named(tree: Path, root: Path, packed: Pack) -> None:
    (tree / "file").write_text("x")
    os.setxattr(tree / "file", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    os.setxattr(tree / "file", "trusted.large", b"x" * 3000)
    version = packed(tree)
    subprocess.run(["mount", "-t", "ramfs", "none", root], check=True)
    try:
        with Unpacker(root, version.manifest) as unpacker:
            for shard in version.manifest.shards:
                unpacker.offer(shard.name, version.directory / shard.name)
            lost = unpacker.finish()
        assert (root / "file").read_text() == "x"
    finally:
        subprocess.run(["umount", root], check=True)
    assert lost == (
        "'file': extended attribute 'security.capability': Operation not supported",
        "'file': extended attribute 'trusted.large': Operation not supported",
    )


def test_the_node_side_needs_nothing_but_pythons_own_library(hostile: Path, root: Path, packed: Pack) -> None:
    version = packed(hostile)
    library = root.parent / "library" / "luna_core"
    library.mkdir(parents=True)
    (library / "node").symlink_to(Path(luna_core.node.__file__).parent)
    script = f"""
import sys
sys.path.append({str(library.parent)!r})
from pathlib import Path
from luna_core.node.manifest import parse_manifest
from luna_core.node.unpack import Unpacker
version = Path({str(version.directory)!r})
manifest = parse_manifest((version / "manifest.json").read_bytes(), version.name)
with Unpacker(Path({str(root)!r}), manifest) as unpacker:
    for shard in manifest.shards:
        unpacker.offer(shard.name, version / shard.name)
    unpacker.offer_private((version.parent / '.private' / version.name).read_bytes())
    unpacker.finish()
foreign = [name for name in sys.modules if name.startswith("luna_core.") and not name.startswith("luna_core.node")]
assert not foreign, foreign
"""
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, cwd="/")
    assert differences(hostile, root) == []
