import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.errors import CommandFailed
from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.image.versions import check_version, private_file
from luna_core.node.errors import DamagedShard, UnpackError
from luna_core.node.overlay import OverlayMaker

Pack = Callable[..., Packed]
Offer = Callable[[OverlayMaker, Packed], tuple[str, ...]]


@pytest.fixture
def layers(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs, as on a node; what is mounted goes at the end."""
    path, root = tmp_path / "layers", tmp_path / "root"
    path.mkdir()
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "luna-test", path], check=True)
    yield path
    for mounted in (root, path / "lower", path):
        if mounted.is_mount():
            # The loop device lets go of its file a moment after it was unmounted.
            subprocess.run(["umount", "--lazy", mounted], check=True)


def mounted(version: Packed, layers: Path) -> Path:
    root = layers.with_name("root")
    with OverlayMaker(layers, root, version.manifest, workers=2) as maker:
        for shard in reversed(maker.shards):
            maker.offer(shard.name, version.directory / shard.name)
        if version.manifest.private:
            maker.offer_private(private_file(version.directory).read_bytes())
        assert maker.finish() == ()
    return root


def in_whole_seconds(tree: Path) -> None:
    """What a squashfs can hold of times: neither fractions nor the future."""
    now_s = int(time.time())
    for directory, folders, files in os.walk(os.fsencode(tree), topdown=False):
        for path in [*(directory + b"/" + name for name in (*folders, *files)), directory]:
            os.utime(path, (0, max(0, min(int(os.lstat(path).st_mtime), now_s))), follow_symlinks=False)


def test_the_overlay_shows_the_tree(odd: Path, layers: Path, packed: Pack) -> None:
    in_whole_seconds(odd)
    version = packed(odd, squashfs=True)
    found = differences(odd, mounted(version, layers))
    # Holes are found again block by block; ACLs are named when the image is packed.
    assert [line for line in found if ": data: " not in line and "system.posix_acl_" not in line] == []
    said = [line.partition(":")[0] for line in version.left_out]
    assert said == [line.partition(":")[0] for line in found if "system.posix_acl_" in line]
    assert version.private


def test_squashfs_tools_that_read_no_archives_will_do(
    odd: Path, layers: Path, packed: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RHEL 9's 4.4. Of symbolic links with several names it makes several."""
    program = tmp_path / "bin/mksquashfs"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\ncase $* in -version) echo 'mksquashfs version 4.4-git.1 (2020/05/11)' ;; *-tar*) exit 1 ;; "
        f'*) exec {shutil.which("mksquashfs")} "$@" ;; esac\n'
    )
    program.chmod(0o755)
    in_whole_seconds(odd)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        version = packed(odd, squashfs=True)
    found = differences(odd, mounted(version, layers))
    kinds = (": data: ", "system.posix_acl_", "'special/loop': same file as: ")
    assert [line for line in found if not any(kind in line for kind in kinds)] == []
    assert [path.name for path in (tmp_path / "versions").rglob("tmp*")] == []


def test_the_root_can_be_written_and_survives_the_names_of_its_layers(odd: Path, layers: Path, packed: Pack) -> None:
    root = mounted(packed(odd, squashfs=True), layers)
    subprocess.run(["umount", "--recursive", "--lazy", layers], check=True)
    assert not list(layers.iterdir())
    (root / "large").write_text("other")
    (root / "special/first").unlink()
    (root / "new").write_text("new")
    assert (root / "large").read_text() == "other"
    assert not (root / "special/first").exists()
    assert f"luna-test {layers} " not in Path("/proc/mounts").read_text()


def test_the_same_tree_gives_the_same_squashfs(odd: Path, tmp_path: Path, packed: Pack) -> None:
    first = packed(odd, tmp_path / "one", workers=1, squashfs=True)
    second = packed(odd, tmp_path / "two", workers=3, squashfs=True)
    assert first.manifest_sha256 == second.manifest_sha256
    assert check_version(first.directory) == []


def test_what_did_not_change_is_not_made_again(
    many: Path, packed: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = packed(many)
    assert without.manifest.squashfs == ()
    first = packed(many, squashfs=True, previous=without.directory)
    assert first.manifest.tree == without.manifest.tree
    monkeypatch.setenv("PATH", str(tmp_path))
    again = packed(many, tmp_path / "versions", squashfs=True, previous=first.directory)
    assert again.manifest_sha256 == first.manifest_sha256
    (many / "another").write_text("x")
    with pytest.raises(CommandFailed, match="mksquashfs is not installed"):
        packed(many, squashfs=True, previous=first.directory)
    assert [path.name for path in (tmp_path / "versions").glob(".unfinished-*")] == []


def test_what_mksquashfs_fails_at_is_told(
    many: Path, packed: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/mksquashfs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho the disk is on fire >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(CommandFailed, match="exited with status 3:\nthe disk is on fire"):
        packed(many, squashfs=True)


def test_a_damaged_part_is_refused_and_the_right_one_taken(many: Path, layers: Path, packed: Pack) -> None:
    version = packed(many, squashfs=True)
    root = layers.with_name("root")
    with OverlayMaker(layers, root, version.manifest) as maker:
        victim = maker.shards[1]
        with pytest.raises(DamagedShard, match=victim.sha256):
            maker.offer(victim.name, bytes(victim.size_bytes)).result()
        with pytest.raises(DamagedShard):
            maker.finish()
        for shard in maker.shards:
            maker.offer(shard.name, version.directory / shard.name)
        maker.finish()
    in_whole_seconds(many)
    assert differences(many, root) == []


def test_a_version_without_squashfs_is_none_for_an_overlay(many: Path, layers: Path, packed: Pack) -> None:
    with pytest.raises(UnpackError, match="This version of image compute has no squashfs"):
        OverlayMaker(layers, layers.with_name("root"), packed(many).manifest)
