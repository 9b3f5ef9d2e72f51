import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.image.compare import differences
from luna_core.node.flags import write_flags


def punch(path: Path) -> None:
    with path.open("r+b") as file:
        content = file.read()
        file.truncate(0)
        file.seek(len(content))
        file.truncate()


def protect(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    write_flags(descriptor, ("nodump",))
    os.close(descriptor)


def renumber(path: Path) -> None:
    path.unlink()
    os.mknod(path, 0o020600, os.makedev(1, 5))


def relink(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


@pytest.fixture
def twins(tmp_path: Path) -> tuple[Path, Path]:
    left, right = tmp_path / "left", tmp_path / "right"
    left.mkdir()
    (left / "file").write_bytes(bytes(10_000))
    os.link(left / "file", left / "same")
    (left / "link").symlink_to("file")
    os.mknod(left / "device", 0o020600, os.makedev(1, 3))
    for path in sorted(left.iterdir(), reverse=True):
        os.utime(path, ns=(1, 1), follow_symlinks=False)
    shutil.copytree(left, right, symlinks=True, ignore=shutil.ignore_patterns("same", "device"))
    os.link(right / "file", right / "same")
    os.mknod(right / "device", 0o020600, os.makedev(1, 3))
    os.utime(right / "device", ns=(1, 1))
    for path in (left, right):
        os.utime(path, ns=(1, 1))
    return left, right


def test_twins_are_equal(twins: tuple[Path, Path]) -> None:
    assert differences(*twins) == []


@pytest.mark.parametrize(
    ("name", "change", "attribute"),
    [
        ("file", lambda path: path.chmod(0o4644), "mode"),
        ("file", lambda path: os.chown(path, 1, 0), "owner"),
        ("file", lambda path: os.utime(path, ns=(1, 2)), "time"),
        ("file", lambda path: os.setxattr(path, "user.a", b""), "xattrs"),
        ("file", protect, "flags"),
        ("file", punch, "data"),
        ("file", lambda path: path.write_bytes(b"1" + bytes(9_999)), "content"),
        ("file", lambda path: os.truncate(path, 9_999), "size"),
        ("same", relink, "same file as"),
        ("link", lambda path: (path.unlink(), path.symlink_to("elsewhere")), "target"),
        ("device", renumber, "device"),
        ("extra", lambda path: path.touch(), "only in"),
        ("link", lambda path: path.unlink(), "only in"),
    ],
)
def test_each_difference_is_found(
    twins: tuple[Path, Path], name: str, change: Callable[[Path], object], attribute: str
) -> None:
    change(twins[1] / name)
    assert any(line.startswith(f"'{name}': {attribute}") for line in differences(*twins))
