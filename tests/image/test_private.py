import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from luna_core.errors import BadInput, LunaError
from luna_core.image import private
from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.image.versions import check_version, collect, private_file, remove_version
from luna_core.node.errors import DamagedShard
from luna_core.node.unpack import Unpacker

Pack = Callable[..., Packed]
SECRET = b"root:$y$j9T$salt$hash:20000:0:99999:7:::\n"


@pytest.fixture
def system(tree: Path) -> Path:
    """A tree with secrets by their names and by their modes, and files that look like it."""
    files = {
        "etc/shadow": 0o644,
        "etc/keys/deep/host.keytab": 0o644,
        "etc/site.conf": 0o640,
        "usr/lib/helper": 0o750,
        "usr/lib/site.secret": 0o644,
        "etc/passwd": 0o644,
        "var/lib/selinux/policy": 0o600,
        "srv/dump": 0o600,
    }
    for name, mode in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() + b" " + SECRET)
        os.chown(path, 12, 34)
        path.chmod(mode)
        os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    # Its first name is none that a pattern knows.
    os.link(tree / "etc/shadow", tree / "another-name")
    os.setxattr(tree / "etc/site.conf", "user.note", b"1")
    (tree / "etc/empty").touch(0o600)
    os.utime(tree / "etc", ns=(1, 1))
    return tree


def in_the_open(version: Packed) -> Iterator[tuple[str, bytes]]:
    """Every file that a transport may offer, decompressed."""
    for path in version.directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield str(path), zstandard.decompress(data) if path.suffix == ".zst" else data


def test_no_private_file_is_in_what_anybody_can_fetch(system: Path, packed: Pack) -> None:
    version = packed(system, private=["/usr/lib/*.secret"])
    assert sorted(version.private) == [
        "'another-name'",
        "'etc/keys/deep/host.keytab'",
        "'etc/shadow'",
        "'etc/site.conf'",
        "'srv/dump'",
        "'usr/lib/site.secret'",
    ]
    names = [name.strip("'").encode() for name in version.private]
    for path, data in in_the_open(version):
        assert not [name for name in names if name + b" " + SECRET in data], path
        assert b"etc/shadow" not in data
    shards = b"".join(data for _, data in in_the_open(version))
    assert b"etc/passwd " + SECRET in shards
    assert b"usr/lib/helper " + SECRET in shards


def test_only_the_owner_may_read_them_on_the_controller(system: Path, packed: Pack) -> None:
    archive = private_file(packed(system).directory)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert stat.S_IMODE(archive.parent.stat().st_mode) == 0o700


def test_a_node_has_them_as_they_were(system: Path, root: Path, packed: Pack, unpacked: Callable[..., object]) -> None:
    unpacked(packed(system))
    assert differences(system, root) == []
    assert (root / "etc/shadow").stat().st_ino == (root / "another-name").stat().st_ino


def test_other_bytes_are_refused_and_the_right_ones_taken_then(system: Path, root: Path, packed: Pack) -> None:
    version = packed(system)
    archive = private_file(version.directory).read_bytes()
    with Unpacker(root, version.manifest) as unpacker:
        for shard in version.manifest.shards:
            unpacker.offer(shard.name, version.directory / shard.name)
        with pytest.raises(DamagedShard, match=r"private.tar.zst has SHA-256"):
            unpacker.offer_private(archive[:-1] + b"x")
        unpacker.offer_private(archive)
        unpacker.finish()
    assert differences(system, root) == []


def test_a_pattern_after_a_dash_exempts_what_is_private_by_its_mode_alone(system: Path, packed: Pack) -> None:
    named = packed(system, private=["-/srv/**", "-/etc/shadow"]).private
    assert "'srv/dump'" not in named
    assert "'etc/shadow'" in named
    with pytest.raises(BadInput, match="private_files: 'secret' was given"):
        packed(system, private=["-secret"])


def test_the_version_s_identity_covers_them(system: Path, packed: Pack) -> None:
    first = packed(system, private_salt=b"1" * 32)
    assert packed(system, private_salt=b"1" * 32).manifest_sha256 == first.manifest_sha256
    other_salt = packed(system, private_salt=b"2" * 32).manifest
    assert other_salt.shards == first.manifest.shards
    assert other_salt.private != first.manifest.private
    (system / "etc/shadow").write_bytes(SECRET)
    (system / "etc/shadow").write_bytes(b"etc/shadow " + SECRET)
    assert packed(system, private_salt=b"1" * 32).manifest_sha256 != first.manifest_sha256, "the time differs"


def test_another_zstd_changes_nothing_while_they_are_the_same(system: Path, packed: Pack, tmp_path: Path) -> None:
    first = packed(system, level=1)
    document = json.loads((first.directory / "manifest.json").read_bytes())
    assert document["private"]["unpacked_sha256"]
    again = packed(system, tmp_path / "elsewhere", previous=first.directory, level=19)
    assert again.manifest.private == first.manifest.private
    assert private_file(again.directory).read_bytes() == private_file(first.directory).read_bytes()


def test_they_are_checked_and_deleted_with_their_version(system: Path, packed: Pack) -> None:
    version = packed(system)
    archive = private_file(version.directory)
    assert check_version(version.directory) == []
    archive.write_bytes(b"")
    assert check_version(version.directory) == ["private.tar.zst: its SHA-256 is not the manifest's"]
    assert packed(system).manifest_sha256 == version.manifest_sha256
    assert check_version(version.directory) == []
    remove_version(version.directory)
    assert not archive.exists()
    kept, crashed = packed(system), archive.with_name("0" * 64)
    crashed.touch()
    collect(kept.directory.parent, {kept.manifest_sha256})
    assert (archive.exists(), crashed.exists()) == (True, False)


def test_too_much_is_refused_with_the_largest_by_name(
    system: Path, packed: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "MOST_BYTES", 1 << 20)
    (system / "srv/dump").write_bytes(bytes(2 << 20))
    with pytest.raises(
        LunaError, match=r"private files have 2 MiB; accepted are 1 MiB at most\. The largest are 'srv/dump'"
    ):
        packed(system)
    assert packed(system, private=["-/srv/dump"]).manifest.private
