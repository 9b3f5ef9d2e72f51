"""The node runtime: the controller's own Python with what luna's client imports, to be carried in an initramfs.

One client then serves every distribution, and nothing need be installed in the image. Everything lies below
`/usr/lib/luna` with its own loader and C library, and is started by `/usr/bin/luna-python`:

    bin/python3.11  lib/*.so  lib/python3.11 -> ../python  python/{luna_core/node/,os.pyc,…}
"""

import hashlib
import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import luna_core
from luna_core.boot.imports import interpreter, trace_imports
from luna_core.boot.libraries import copy_stripped, is_elf, needed_libraries
from luna_core.types import InitrdFile

HOME = "usr/lib/luna"
# What a plugin puts below this directory is importable on the node, and its libraries come along.
PYTHON_DIRECTORY = f"/{HOME}/python"
# Loaded by name: libzstd by luna's client, libgcc_s by glibc when a thread ends.
_LIBRARIES = ("libgcc_s.so.1", "libzstd.so.1")
_LAYOUT_VERSION = "3"
# Far more than one controller uses at a time, for others may be copying theirs to an initramfs meanwhile.
KEPT = 8


@dataclass(frozen=True, kw_only=True)
class _Part:
    source: Path
    place: str


def build_runtime(cache: Path, files: Iterable[InitrdFile] = (), *, tls: bool = False) -> Path:
    """A directory below `cache` that holds the runtime as it is to lie in the initramfs's root.

    `files` are those of plugins whose destination is below PYTHON_DIRECTORY. Same inputs, same directory: it is made
    once. Raises LunaError if a file imports what is not there, or a library is missing.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as work:
        staged = Path(work, "staged")
        _stage_sources(staged, files)
        parts = _parts(staged, tls=tls)
        finished = cache / _key(parts)
        if not finished.exists():
            root = Path(work, "root")
            _lay_out(root, parts)
            publish(root, finished)
            forget_old(cache)
    os.utime(finished)
    return finished


def forget_old(cache: Path) -> None:
    """Remove the runtimes of a cache that were not used for the longest time, all but KEPT."""
    made = [path for path in cache.iterdir() if not path.name.startswith(".")]
    for old in sorted(made, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def node_sources() -> list[Path]:
    """What of luna itself runs on a node."""
    core = Path(luna_core.__file__).parent
    return [core / "__init__.py", *sorted((core / "node").rglob("*.py"))]


def _stage_sources(staged: Path, files: Iterable[InitrdFile]) -> None:
    core = Path(luna_core.__file__).parent
    for source in node_sources():
        _copy(source, staged / source.relative_to(core.parent))
    for file in files:
        _copy(file.source, staged / Path(file.destination).relative_to(PYTHON_DIRECTORY))


def _copy(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, destination)


def _parts(staged: Path, *, tls: bool) -> list[_Part]:
    needs = trace_imports(staged, libraries=_LIBRARIES, tls=tls)
    python = interpreter()
    parts = [_Part(source=python, place=f"bin/{python.name}")]
    parts.append(_Part(source=Path(__file__).with_name("host_names.py"), place="python/encodings/idna.py"))
    parts += [_Part(source=path, place=f"lib/{name}") for name, path in needs.libraries.items()]
    parts += [_Part(source=path, place=_standard_place(path, needs.standard_directory)) for path in needs.files]
    for path in sorted(staged.rglob("*")):
        if path.is_file():
            parts.append(_Part(source=path, place=f"python/{path.relative_to(staged)}"))
    binaries = [part.source for part in parts if is_elf(part.source)]
    parts += [_Part(source=path, place=f"lib/{name}") for name, path in needed_libraries(binaries).items()]
    return sorted({part.place: part for part in parts}.values(), key=lambda part: part.place)


def _standard_place(path: Path, standard_directory: Path) -> str:
    if path.suffix == ".so":
        return f"python/lib-dynload/{path.name}"
    return f"python/{path.relative_to(standard_directory)}"


def _key(parts: Iterable[_Part]) -> str:
    key = hashlib.sha256(f"{_LAYOUT_VERSION} {sys.version} {shutil.which('strip')}".encode())
    for part in parts:
        key.update(f"\n{part.place} {hashlib.sha256(part.source.read_bytes()).hexdigest()}".encode())
    return key.hexdigest()[:32]


def _lay_out(root: Path, parts: Iterable[_Part]) -> None:
    home = root / HOME
    (home / "python/lib-dynload").mkdir(parents=True)
    for part in parts:
        destination = home / part.place
        destination.parent.mkdir(parents=True, exist_ok=True)
        if part.place.endswith(".py"):
            _compile(part, destination)
        elif is_elf(part.source):
            copy_stripped(part.source, destination)
            # Only the loader is started; of all that can be, dracut would look for the libraries in the image's tree.
            destination.chmod(0o755 if destination.name.startswith("ld-") else 0o644)
        else:
            shutil.copyfile(part.source, destination)
    # Both names, for Python looks in sys.platlibdir, which is lib64 in some distributions.
    for directory in {home / "lib", home / sys.platlibdir}:
        directory.mkdir(exist_ok=True)
        (directory / f"python{sys.version_info[0]}.{sys.version_info[1]}").symlink_to("../python")
    _write_wrapper(root, next(Path(part.place).name for part in parts if Path(part.place).name.startswith("ld-")))


def _compile(part: _Part, destination: Path) -> None:
    # Compiled and without its source: a node would otherwise spend a second on compiling at every start.
    py_compile.compile(
        str(part.source),
        str(destination.with_suffix(".pyc")),
        dfile=part.place.removeprefix("python/"),
        doraise=True,
        # Without docstrings, which are a fifth of it.
        optimize=2,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _write_wrapper(root: Path, loader: str) -> None:
    wrapper = root / "usr/bin/luna-python"
    wrapper.parent.mkdir(parents=True)
    start = f"exec /{HOME}/lib/{loader} --library-path /{HOME}/lib /{HOME}/bin/{interpreter().name} -I -S -X utf8"
    wrapper.write_text(f'#!/bin/sh\n{start} "$@"\n')
    wrapper.chmod(0o755)


def publish(root: Path, finished: Path) -> None:
    """Put a runtime in its place."""
    try:
        os.rename(root, finished)
    except OSError:
        # Another process was faster; what it made is the same.
        if not finished.is_dir():
            raise
