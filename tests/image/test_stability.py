import os
from collections.abc import Callable
from hashlib import shake_128
from pathlib import Path

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.node.manifest import Kind, plan

Pack = Callable[..., Packed]


def shared(old: Packed, new: Packed) -> float:
    fetched = plan(new.manifest, {shard.sha256 for shard in old.manifest.shards})
    return 1 - sum(shard.size_bytes for shard in fetched) / new.manifest.size_bytes


def test_a_changed_package_leaves_most_shards(many: Path, packed: Pack, record_property: Callable[..., None]) -> None:
    old = packed(many)
    for number in range(500, 510):
        (many / "directory20" / f"file{number:04}").write_text(f"version 2 of {number}")
    new = packed(many)
    record_property("shared", shared(old, new))
    assert len(old.manifest.shards) > 50
    assert shared(old, new) > 0.9


def test_files_that_come_and_go_everywhere_leave_most_shards(many: Path, packed: Pack) -> None:
    old = packed(many)
    for number in (17, 230, 409, 611, 988):
        (many / f"directory{number // 25:02}" / f"file{number:04}").unlink()
        (many / f"directory{number // 25:02}" / f"file{number:04}a").write_text("new")
    assert shared(old, packed(many)) > 0.7


def test_a_change_among_small_files_is_small(tmp_path: Path, packed: Pack) -> None:
    for number in range(1500):
        file = tmp_path / f"small/directory{number // 50:03}/file{number:05}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(shake_128(b"%d" % number).digest(300))
    old = packed(tmp_path / "small", shard_bytes=1 << 20)
    (tmp_path / "small/directory012/file00610").write_text("another")
    assert shared(old, packed(tmp_path / "small", shard_bytes=1 << 20)) > 0.8


def test_a_byte_in_a_large_file_changes_one_part(tree: Path, packed: Pack) -> None:
    (tree / "large").write_bytes(shake_128(b"1").digest(2_000_000))
    old = packed(tree)
    with (tree / "large").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"x")
    os.utime(tree / "large", (1, 1))
    os.utime(tree, (1, 1))
    with_other_time = packed(tree)
    with (tree / "large").open("r+b") as file:
        file.write(b"y")
    os.utime(tree / "large", (1, 1))
    new = packed(tree)
    assert len(old.manifest.shards) > 25
    assert shared(with_other_time, new) > 0.9


def test_shared_shards_are_one_file_on_disk(many: Path, root: Path, packed: Pack, unpacked: Callable) -> None:  # type: ignore[type-arg]
    old = packed(many)
    (many / "directory00" / "new").write_text("new")
    new = packed(many, previous=old.directory)
    assert new.new_bytes < new.manifest.size_bytes / 5
    same = [shard for shard in new.manifest.shards if shard in old.manifest.shards]
    assert all((new.directory / one.name).samefile(old.directory / one.name) for one in same)
    assert (new.directory / "kernel").samefile(old.directory / "kernel")
    assert {shard.kind for shard in new.manifest.shards} == {Kind.DIRECTORIES, Kind.FILES}
    unpacked(new)
    assert differences(many, root) == []


def test_a_damaged_previous_version_is_not_shared(many: Path, packed: Pack) -> None:
    old = packed(many)
    victim = old.directory / old.manifest.shards[5].name
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (many / "new").write_text("new")
    new = packed(many, previous=old.directory)
    assert old.manifest.shards[5] in new.manifest.shards
    assert not (new.directory / old.manifest.shards[5].name).samefile(victim)
