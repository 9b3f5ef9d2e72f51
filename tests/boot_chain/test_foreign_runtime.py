"""A tree for another machine gives its own Python to its initramfs; here this machine itself stands for such a tree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from luna_core.boot.foreign_runtime import build_foreign_runtime
from luna_core.boot.runtime import PYTHON_DIRECTORY
from luna_core.errors import Unsupported
from luna_core.run import run
from luna_core.types import InitrdFile


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("tree")
    # Read-only, for whatever may remove a temporary directory while it is there.
    run(["mount", "--bind", "-o", "ro", "/", place])
    try:
        yield place
    finally:
        run(["umount", place])


def started(root: Path, code: str) -> str:
    command = next(line for line in (root / "usr/bin/luna-python").read_text().splitlines() if line.startswith("exec"))
    return run(["chroot", root, *command.split()[1:-1], "-c", code])


def plugin_file(directory: Path, name: str, content: bytes) -> InitrdFile:
    source = directory / name
    source.write_bytes(content)
    return InitrdFile(source=source, destination=f"{PYTHON_DIRECTORY}/{name}")


def test_it_is_the_trees_newest_python_with_the_client_and_what_plugins_add(tree: Path, tmp_path: Path) -> None:
    newest = max(int(path.name[8:]) for path in Path("/usr/bin").glob("python3.*") if path.name[8:].isdigit())
    added = plugin_file(tmp_path, "site_client.py", b"import colorsys\n")
    runtime = build_foreign_runtime(tmp_path / "cache", tree, [added])
    code = "import sys, luna_core.node.unpack, luna_core.node.zstd, site_client; print(sys.version_info.minor)"
    assert started(runtime, code) == f"{newest}\n"
    assert list((tmp_path / "cache").iterdir()) == [runtime]


def test_an_extension_module_is_the_trees_own(tree: Path, tmp_path: Path) -> None:
    """What the controller has of that name is no program for the nodes."""
    module = next(Path("/usr/lib").glob("python3*/lib-dynload/audioop.*.so"))
    given = plugin_file(tmp_path, "audioop.cpython-311-of-the-controller.so", b"\x7fELF of another machine")
    runtime = build_foreign_runtime(tmp_path / "cache", tree, [given])
    assert [path.name for path in runtime.rglob("audioop*")] == [module.name]
    assert started(runtime, "import audioop; print(audioop.max(b'ab', 1))") == "98\n"


def test_a_module_that_the_tree_lacks_is_named_with_its_version(tree: Path, tmp_path: Path) -> None:
    given = plugin_file(tmp_path, "libtorrent.cpython-311-of-the-controller.so", b"\x7fELF of another machine")
    with pytest.raises(
        Unsupported, match=r"its own libtorrent: 2\.\d+ is needed, as on the controller, and it has none"
    ):
        build_foreign_runtime(tmp_path / "cache", tree, [given])
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("programs", [(), ("python3.9",), ("python3", "python3.10", "python3.11-config")])
def test_a_tree_without_a_python_that_runs_the_client_is_refused(tmp_path: Path, programs: tuple[str, ...]) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    for name in programs:
        (tmp_path / "usr/bin" / name).touch()
    with pytest.raises(Unsupported, match=r"has none in /usr/bin that is 3\.11 or newer"):
        build_foreign_runtime(tmp_path / "cache", tmp_path)
