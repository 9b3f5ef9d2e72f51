"""The controller's disk fills up while an image is packed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from luna_core.errors import LunaError
from luna_core.image.pack import Source, pack
from luna_core.image.versions import check_version


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "luna-test", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


def test_the_version_before_stays_and_the_next_pack_succeeds(tree: Path, small: Path) -> None:
    boot = tree.parent / "boot"
    boot.write_text("a kernel or an initramfs")
    source = Source(image="compute", tree=tree, distro="fake", kernel_release="6.1", kernel=boot, initramfs=boot)
    make = partial(pack, source, small / "images", level=1)
    first = make()
    (tree / "usr/lib/new").write_bytes(os.urandom(3_000_000))

    def fill(done: int, total: int, phase: str) -> None:
        if phase == "packing" and not (small / "log").exists():
            with (small / "log").open("wb") as log, suppress(OSError):
                while True:
                    log.write(bytes(1 << 16))

    with pytest.raises(LunaError, match="No space left"):
        make(progress=fill)
    assert check_version(first.directory) == []
    (small / "log").unlink()
    second = make()
    assert check_version(second.directory) == check_version(first.directory) == []
    assert {path.name for path in (small / "images").glob("[!.]*")} == {
        first.manifest_sha256,
        second.manifest_sha256,
    }
    assert list((small / "images").glob(".unfinished*")) == []
