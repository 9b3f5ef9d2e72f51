"""The node runtime of a tree for another machine: the tree's own Python and libraries, put together by that Python.

The controller's can't run on such nodes. `build_runtime` runs inside the tree, by an emulator that binfmt_misc(5)
knows, and extension modules that plugins name are taken from the tree too.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import luna_core
from luna_core.boot.in_tree import SCRATCH, run_in_tree
from luna_core.boot.libraries import is_elf
from luna_core.boot.runtime import PYTHON_DIRECTORY, build_runtime, forget_old, publish
from luna_core.errors import LunaError, Unsupported
from luna_core.types import InitrdFile

OLDEST_PYTHON = (3, 11)
_REQUEST, _ANSWER, _FILES, _MADE = "request.json", "answer.json", "files", "runtime"
_START = f"import sys; sys.path.insert(0, {SCRATCH!r}); from {__name__} import answer; answer({SCRATCH!r})"


def build_foreign_runtime(cache: Path, tree: Path, files: Iterable[InitrdFile] = (), *, tls: bool = False) -> Path:
    """As `build_runtime`, for nodes that run `tree`. Needs root.

    Raises Unsupported if the tree has no Python that luna's client runs with, or lacks an extension module in the
    controller's version.
    """
    python = _newest_python(tree)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as work:
        scratch = Path(work, "scratch")
        core = Path(luna_core.__file__).parent
        shutil.copytree(core, scratch / core.name, ignore=shutil.ignore_patterns("__pycache__"))
        _write_request(scratch, list(files), tls=tls)
        run_in_tree(tree, Path(work), [python, "-I", "-B", "-c", _START])
        said = json.loads((scratch / _ANSWER).read_text())
        if "refused" in said:
            raise Unsupported(f"{tree}: {said['refused']}")
        finished = cache / str(said["made"])
        publish(scratch / _MADE / finished.name, finished)
    os.utime(finished)
    forget_old(cache)
    return finished


def _newest_python(tree: Path) -> str:
    found = (re.fullmatch(r"python3\.(\d+)", path.name) for path in (tree / "usr/bin").glob("python3.*"))
    minors = [int(match[1]) for match in found if match]
    if not minors or (3, max(minors)) < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise Unsupported(
            f"{tree} is for another machine than this controller. So its own Python goes into the initramfs, and it "
            f"has none in /usr/bin that is {wanted} or newer; install it there."
        )
    return f"/usr/bin/python3.{max(minors)}"


def _write_request(scratch: Path, files: list[InitrdFile], *, tls: bool) -> None:
    (scratch / _FILES).mkdir()
    for number, file in enumerate(files):
        shutil.copyfile(file.source, scratch / _FILES / str(number))
    asked = [(file.destination, _series(_module(file.destination)) if is_elf(file.source) else "") for file in files]
    (scratch / _REQUEST).write_text(json.dumps({"files": asked, "tls": tls}))


def _module(destination: str) -> str:
    """The name by which Python imports the extension module that lies there."""
    place = PurePosixPath(destination).relative_to(PYTHON_DIRECTORY)
    parts = [*place.parts[:-1], place.name.partition(".")[0]]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _series(module: str) -> str:
    """The first two numbers of an extension module's version; empty if it has none."""
    try:
        return ".".join(version(module.partition(".")[0]).split(".")[:2])
    except PackageNotFoundError:
        return ""


def answer(scratch: str) -> None:
    """What runs in the tree: writes the runtime's name, or why there is none."""
    asked = json.loads(Path(scratch, _REQUEST).read_text())
    try:
        said = {"made": build_runtime(Path(scratch, _MADE), _own(Path(scratch), asked["files"]), tls=asked["tls"]).name}
    except LunaError as error:
        said = {"refused": str(error)}
    Path(scratch, _ANSWER).write_text(json.dumps(said))


def _own(scratch: Path, asked: Iterable[Any]) -> Iterator[InitrdFile]:
    for number, (destination, series) in enumerate(asked):
        source = scratch / _FILES / str(number)
        if is_elf(source):
            yield _own_module(_module(destination), series)
        else:
            yield InitrdFile(source=source, destination=destination)


def _own_module(name: str, series: str) -> InitrdFile:
    found = find_spec(name)
    if found is None or found.origin is None or _series(name) != series:
        has = _series(name) or "none" if found else "none"
        raise LunaError(
            f"its own Python goes into the initramfs, with its own {name}: {series} is needed, as on the controller, "
            f"and it has {has}; docs/how-to/firmware.md shows how to put it there."
        )
    origin = Path(found.origin)
    place = f"{name.replace('.', '/')}/{origin.name}" if found.submodule_search_locations else origin.name
    return InitrdFile(source=origin, destination=f"{PYTHON_DIRECTORY}/{place}")
