"""A node that has shards of another version fetches the others only, and ends with exactly the version it wants."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from luna_core.image.compare import differences
from luna_core.image.pack import Packed, Source, pack
from luna_core.node.errors import DownloadError
from luna_core.node.fetch import fetch
from luna_core.node.job import Job
from luna_core.run import run

Restart = Callable[[Job], Job]


@pytest.fixture
def restart(tree: Path, version: Packed, server: Any, tmp_path: Path) -> Restart:
    """Change, add and remove files, pack and serve that, and call for the job of the node's next boot."""

    def change(job: Job) -> Job:
        (tree / "usr/lib/0/file5").write_bytes(b"changed")
        (tree / "usr/lib/3/new").write_bytes(b"new")
        (tree / "usr/lib/4/file39").unlink()
        (tree / "bin").unlink()
        boot = tmp_path / "kernel"
        source = Source(image="compute", tree=tree, distro="fake", kernel_release="6.1", kernel=boot, initramfs=boot)
        options: dict[str, Any] = {"level": 1, "shard_bytes": 20_000, "previous": version.directory}
        new = pack(source, version.directory.parent, **options)
        server.directory = new.directory
        server.asked.clear()
        root = tmp_path / "new-root"
        root.mkdir()
        return replace(job, manifest_sha256=new.manifest_sha256, root=root)

    return change


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is mounted, as a disk of the node would be."""
    path = tmp_path / "disk"
    path.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "mode=755,size=64m", "luna-test", path])
    yield path
    run(["umount", path])


def names(version: Path) -> set[str]:
    return {f"shards/{path.name}" for path in (version / "shards").iterdir()}


def test_only_what_changed_is_fetched(
    server: Any, make_job: Callable[..., Job], restart: Restart, version: Packed, tree: Path
) -> None:
    said: list[str] = []
    first = make_job(server.endpoint())
    fetch(first)
    job = restart(first)
    fetch(job, said.append)
    assert not differences(tree, job.root)
    old, new = names(version.directory), names(server.directory)
    assert set(server.shards_asked()) == new - old
    assert len(new & old) > len(new) / 2
    assert f"{len(new & old)} of {len(new)} shards are here from another version" in said
    assert server.reports[-1]["percent"] == 100.0
    # What is kept is this version, for the next one and for others to fetch.
    assert names(job.directory) == new
    assert not first.directory.exists()


def test_an_image_that_is_packed_anew_during_a_boot_is_the_new_one_exactly(
    server: Any, make_job: Callable[..., Job], restart: Restart, version: Packed, tree: Path
) -> None:
    half = {shard.name for shard in version.manifest.shards[::2]}
    first = make_job(server.endpoint())
    server.broken = lambda name: name in half and any(first.directory.rglob("*.tar.zst"))
    with pytest.raises(DownloadError):
        fetch(first)
    kept = names(first.directory)
    server.broken = lambda name: False
    job = restart(first)
    fetch(job)
    assert not differences(tree, job.root)
    assert set(server.shards_asked()) == names(server.directory) - kept


def test_the_shard_cache_takes_the_place_of_the_work_directory(
    server: Any, make_job: Callable[..., Job], restart: Restart, tree: Path, disk: Path
) -> None:
    first = make_job(server.endpoint(), cache=disk)
    fetch(first)
    assert not first.work_directory.exists()
    (disk / "luna" / f"{first.manifest_sha256}.torrent").touch()
    before = names(disk / "luna" / first.manifest_sha256)
    job = restart(first)
    new = names(server.directory)
    spoilt = min(before & new)
    place = disk / "luna" / first.manifest_sha256 / spoilt
    place.write_bytes(bytes(place.stat().st_size))
    fetch(job)
    assert not differences(tree, job.root)
    assert set(server.shards_asked()) == (new - before) | {spoilt}
    assert [path.name for path in (disk / "luna").iterdir()] == [job.manifest_sha256]
    assert names(disk / "luna" / job.manifest_sha256) == new


def is_not_mounted(disk: Path) -> Path:
    return disk / "elsewhere"


def is_somebody_s(disk: Path) -> Path:
    (disk / "luna").mkdir()
    (disk / "luna").chmod(0o777)
    return disk


def leads_elsewhere(disk: Path) -> Path:
    (disk / "luna").symlink_to("/")
    return disk


def is_full(disk: Path) -> Path:
    run(["mount", "-o", "remount,size=1m", disk])
    return disk


def is_read_only(disk: Path) -> Path:
    (disk / "luna").mkdir()
    run(["mount", "-o", "remount,ro", disk])
    return disk


@pytest.mark.parametrize("bad", [is_not_mounted, is_somebody_s, leads_elsewhere, is_full, is_read_only])
def test_a_cache_that_can_t_be_used_is_named_and_holds_up_nothing(
    server: Any, make_job: Callable[..., Job], tree: Path, disk: Path, bad: Callable[[Path], Path]
) -> None:
    said: list[str] = []
    job = make_job(server.endpoint(), cache=bad(disk))
    fetch(job, said.append)
    assert not differences(tree, job.root)
    (line,) = [line for line in said if "shard cache" in line]
    assert str(disk) in line or "MiB are free" in line
    assert job.directory.exists()
    assert not list(disk.rglob("*.tar.zst"))


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A mounted ext4; `ext4.raw` beside it is what it is on. A journal would undo what is done to a copy."""
    path, file = tmp_path / "ext4", tmp_path / "ext4.raw"
    path.mkdir()
    with file.open("wb") as image:
        image.truncate(64 << 20)
    run(["mkfs.ext4", "-q", "-O", "^has_journal", "-E", "root_owner=0:0", file])
    run(["mount", "-o", "loop", file, path])
    yield path
    run(["umount", path])


@pytest.mark.parametrize("victim", ["", "/shards", "/shards/*"])
def test_a_cache_whose_file_system_is_damaged_holds_up_nothing(
    server: Any, make_job: Callable[..., Job], tree: Path, ext4: Path, tmp_path: Path, victim: str
) -> None:
    job = make_job(server.endpoint(), cache=ext4)
    fetch(job)
    victims = [path.relative_to(ext4) for path in ext4.glob(f"luna/{job.manifest_sha256}{victim}")]
    run(["sync", "--file-system", ext4])
    run(["umount", ext4])
    # A copy: where another test's mount namespace still has the file system, the kernel would look at none anew.
    damaged = copyfile(tmp_path / "ext4.raw", tmp_path / "damaged.raw")
    for inode in victims:
        run(["debugfs", "-w", "-R", f"clri /{inode}", damaged])
    run(["mount", "-o", "loop", damaged, ext4])
    (tmp_path / "again").mkdir()
    again = replace(job, root=tmp_path / "again")
    said: list[str] = []
    fetch(again, said.append)
    assert not differences(tree, again.root)
    assert any(line.startswith("the shard cache is not used: [Errno") for line in said), said
