"""The node runtime runs where there is nothing else."""

import os
import sys
from pathlib import Path

import pytest

from luna_core.boot.runtime import KEPT, PYTHON_DIRECTORY, build_runtime
from luna_core.errors import CommandFailed, LunaError
from luna_core.run import run
from luna_core.types import InitrdFile

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def started(root: Path, code: str) -> str:
    """What the code prints, run as luna-python does but without the shell that an empty root doesn't have."""
    command = next(line for line in (root / "usr/bin/luna-python").read_text().splitlines() if line.startswith("exec"))
    return run(["chroot", root, *command.split()[1:-1], "-c", code])


def test_it_runs_the_client_with_its_own_libraries_in_an_otherwise_empty_root(tmp_path: Path) -> None:
    root = build_runtime(tmp_path)
    code = (
        "import sys, luna_core.node.unpack; from luna_core.node.zstd import decompress; print(sys.version.split()[0])"
    )
    assert started(root, code).startswith(VERSION)


def test_a_plugins_package_comes_along_with_what_it_imports_at_any_depth(tmp_path: Path) -> None:
    source = tmp_path / "client.py"
    source.write_text("def colours():\n    import colorsys\n    return colorsys.rgb_to_hsv(0, 0, 0)\n")
    file = InitrdFile(source=source, destination=f"{PYTHON_DIRECTORY}/luna_site/client.py")
    with_it = build_runtime(tmp_path / "cache", [file])
    assert started(with_it, "import luna_site.client as c; print(c.colours())") == "(0.0, 0.0, 0)\n"
    without = build_runtime(tmp_path / "cache")
    with pytest.raises(CommandFailed, match="No module named 'colorsys'"):
        started(without, "import colorsys")


def test_a_package_that_imports_what_is_not_there_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "client.py"
    source.write_text("import pydantic\n")
    file = InitrdFile(source=source, destination=f"{PYTHON_DIRECTORY}/luna_site/client.py")
    with pytest.raises(LunaError, match="No module named 'pydantic'"):
        build_runtime(tmp_path / "cache", [file])


def test_openssl_is_carried_only_for_tls(tmp_path: Path) -> None:
    source = tmp_path / "client.py"
    source.write_text("try:\n    import ssl\nexcept ImportError:\n    ssl = None\n")
    file = InitrdFile(source=source, destination=f"{PYTHON_DIRECTORY}/luna_site/client.py")
    code = "import luna_site.client as c; print(c.ssl is not None)"
    assert started(build_runtime(tmp_path / "cache", [file], tls=True), code) == "True\n"
    plain = build_runtime(tmp_path / "cache", [file])
    assert started(plain, code) == "False\n"
    assert not list(plain.rglob("libcrypto*"))


def test_the_same_inputs_are_built_once(tmp_path: Path) -> None:
    first = build_runtime(tmp_path)
    made = (first / "usr/bin/luna-python").stat().st_ino
    assert build_runtime(tmp_path) == first
    assert (first / "usr/bin/luna-python").stat().st_ino == made
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_those_not_used_for_longest_are_forgotten(tmp_path: Path) -> None:
    old = [tmp_path / f"{number}" for number in range(KEPT + 1)]
    for number, path in enumerate(old):
        path.mkdir()
        os.utime(path, (number, number))
    made = build_runtime(tmp_path)
    assert set(tmp_path.iterdir()) == {made, *old[2:]}
    os.utime(made, (0, 0))
    assert build_runtime(tmp_path) == made
    assert made.stat().st_mtime > KEPT, "used now"


def test_a_host_is_found_by_its_name_without_the_tables_of_unicode(tmp_path: Path) -> None:
    root = build_runtime(tmp_path)
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("192.0.2.7 controller.cluster\n")
    asked = "import socket; print(socket.getaddrinfo('controller.cluster', 80, type=socket.SOCK_STREAM)[0][4])"
    assert started(root, asked) == "('192.0.2.7', 80)\n"
    assert not list(root.rglob("unicodedata*"))


def test_lzma_is_carried_only_for_who_imports_it(tmp_path: Path) -> None:
    source = tmp_path / "client.py"
    source.write_text("import lzma, shutil\n")
    file = InitrdFile(source=source, destination=f"{PYTHON_DIRECTORY}/luna_site/client.py")
    code = "import luna_site.client as c; print(c.lzma.decompress(c.lzma.compress(b'x')))"
    assert started(build_runtime(tmp_path / "cache", [file]), code) == "b'x'\n"
    assert not list(build_runtime(tmp_path / "cache").rglob("*lzma*"))
