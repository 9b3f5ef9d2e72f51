import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.errors import BadInput, Conflict, LunaError
from luna_core.image.pack import Packed
from luna_core.image.scan import TreeChanged
from luna_core.image.versions import check_version, collect, load_version, locked, remove_version

Pack = Callable[..., Packed]


def test_a_version_holds_what_its_manifest_names(many: Path, packed: Pack) -> None:
    version = packed(many)
    assert version.directory.name == version.manifest_sha256
    assert load_version(version.directory) == version.manifest
    files = {str(path.relative_to(version.directory)) for path in version.directory.rglob("*") if path.is_file()}
    assert files == {shard.name for shard in version.manifest.shards} | {"manifest.json", "kernel", "initramfs"}
    assert check_version(version.directory) == []
    assert (version.directory / "kernel").read_text() == "kernel"
    assert all(path.stat().st_mode & 0o004 for path in version.directory.rglob("*"))


def test_a_kernel_in_gzips_format_is_packed_as_firmware_starts_it(many: Path, tmp_path: Path, packed: Pack) -> None:
    (tmp_path / "kernel").write_bytes(gzip.compress(b"MZ program for UEFI"))
    version = packed(many)
    assert (version.directory / "kernel").read_bytes() == b"MZ program for UEFI"
    assert check_version(version.directory) == []
    (tmp_path / "kernel").write_bytes(gzip.compress(b"MZ program for UEFI")[:-4])
    with pytest.raises(LunaError, match="kernel can't be unpacked"):
        packed(many)


def test_damage_is_found_by_name(many: Path, packed: Pack) -> None:
    version = packed(many)
    first, second = version.manifest.shards[1:3]
    (version.directory / first.name).write_bytes(b"other")
    (version.directory / second.name).unlink()
    wrong = check_version(version.directory)
    assert wrong == [f"{first.name}: its SHA-256 is not the manifest's", f"{second.name}: No such file or directory"]
    (version.directory / "manifest.json").write_bytes(b"{}")
    with pytest.raises(LunaError, match="has SHA-256"):
        load_version(version.directory)


def test_an_unchanged_tree_is_the_version_that_is_there(many: Path, tmp_path: Path, packed: Pack) -> None:
    first = packed(many)
    second = packed(many, previous=first.directory)
    assert second.directory == first.directory
    assert second.new_bytes == 0
    assert [path.name for path in (tmp_path / "versions").iterdir() if path.is_dir()] == [first.manifest_sha256]


def test_packing_again_repairs_a_damaged_version(many: Path, packed: Pack) -> None:
    version = packed(many)
    (version.directory / version.manifest.shards[3].name).write_bytes(b"other")
    assert packed(many, previous=version.directory).directory == version.directory
    assert check_version(version.directory) == []


def test_deleting_a_version_leaves_what_others_share(many: Path, tmp_path: Path, packed: Pack) -> None:
    first = packed(many)
    (many / "new").write_text("new")
    second = packed(many, previous=first.directory)
    (many / "newer").write_text("newer")
    third = packed(many, previous=second.directory)
    remove_version(first.directory)
    assert not first.directory.exists()
    assert check_version(second.directory) == []
    assert collect(tmp_path / "versions", {third.manifest_sha256}) == [second.manifest_sha256]
    assert check_version(third.directory) == []
    assert {path.name for path in (tmp_path / "versions").iterdir()} == {".lock", third.manifest_sha256}


def test_one_pack_at_a_time(many: Path, tmp_path: Path, packed: Pack) -> None:
    with locked(tmp_path / "versions"), pytest.raises(Conflict, match=f"process {os.getpid()}"):
        packed(many)
    packed(many)


def test_a_live_pack_is_not_swept(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    hold = "import sys; from pathlib import Path; from luna_core.image.versions import *\n"
    hold += "with locked(Path(sys.argv[1])), unfinished(Path(sys.argv[1])) as work: print(work, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, versions], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        work = Path(holder.stdout.readline().strip())
        with pytest.raises(Conflict, match=f"process {holder.pid};"):
            collect(versions, set())
        assert work.is_dir()
        holder.kill()
    assert work.is_dir()
    collect(versions, set())
    assert not work.exists()


def test_a_full_disk_is_told_beforehand(many: Path, tmp_path: Path, packed: Pack) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=True)
    try:
        with pytest.raises(LunaError, match=r"needs about \d MiB in .*, and 0 MiB are free"):
            packed(many, small)
        assert [path.name for path in small.iterdir()] == [".lock"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_is_missing_is_told(many: Path, tmp_path: Path, packed: Pack) -> None:
    with pytest.raises(BadInput, match="nowhere does not exist"):
        packed(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"excludes: 'etc/\*' was given"):
        packed(many, excludes=["etc/*"])
    with pytest.raises(LunaError, match="can't be used"):
        packed(many, previous=tmp_path / "nowhere")
    assert not (tmp_path / "versions").exists() or list((tmp_path / "versions").glob("[!.]*")) == []


def test_a_change_while_packing_is_packed_too(many: Path, packed: Pack) -> None:
    changes = iter(["changed once"])

    def change(done: int, total: int, phase: str) -> None:
        if phase == "packing":
            for text in changes:
                (many / "directory07" / "file0180").write_text(text)

    version = packed(many, progress=change, workers=1)
    assert version.manifest_sha256 == packed(many).manifest_sha256


@pytest.mark.parametrize("what", ["write", "add", "delete"])
def test_a_tree_that_never_keeps_still_is_refused_by_name(many: Path, tmp_path: Path, packed: Pack, what: str) -> None:
    def disturb(done: int, total: int, phase: str) -> None:
        if phase == "packing" and what == "write":
            with (many / "directory07" / "file0180").open("a") as file:
                file.write("more")
        elif phase == "packing" and what == "add":
            (many / "directory07" / f"added{len(list((many / 'directory07').iterdir()))}").touch()
        elif phase == "packing":
            max(many.rglob("file*")).unlink()

    with pytest.raises(TreeChanged, match="directory"):
        packed(many, progress=disturb, workers=1)
    assert [path.name for path in (tmp_path / "versions").iterdir()] == [".lock"]


def test_progress_runs_to_the_end(many: Path, packed: Pack) -> None:
    calls: list[tuple[int, int, str]] = []
    packed(many, progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls if call[2] == "packing"]
    assert done == sorted(done)
    assert done[-1] == calls[1][1] > 10_000_000
    assert [phase for _, _, phase in calls if phase != "packing"] == ["scanning", "publishing"]


def test_another_file_system_gets_copies(many: Path, tmp_path: Path, packed: Pack) -> None:
    old = packed(many)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", elsewhere], check=True)
    try:
        new = packed(many, elsewhere, previous=old.directory)
        assert check_version(new.directory) == []
        assert new.new_bytes >= new.manifest.size_bytes
    finally:
        subprocess.run(["umount", elsewhere], check=True)
