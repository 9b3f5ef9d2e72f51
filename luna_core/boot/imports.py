"""What Python files need of the standard library, found by importing them in the controller's own interpreter."""

import ast
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import CommandFailed, LunaError
from luna_core.run import run

# Loaded by name while running, so that no import shows them: what tells Python where it lives, -m, the codecs of URLs.
ALWAYS = ("os", "runpy", "encodings.ascii", "encodings.latin_1", "encodings.utf_8")
# With OpenSSL come 5 MB of libcrypto; without it hashlib has implementations of its own.
OPENSSL = ("ssl", "_ssl", "_hashlib")
# shutil takes them along for archives that it can do without.
COMPRESSORS = ("bz2", "lzma")

_TRACE = """
import ctypes, importlib, json, os, sys

request = json.load(sys.stdin)
sys.path.insert(0, request["directory"])
for name in request["without"]:
    sys.modules[name] = None
for name in request["required"]:
    importlib.import_module(name)
for module, names in request["wanted"]:
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        continue
    for name in names:
        if not hasattr(loaded, name):
            try:
                importlib.import_module(f"{module}.{name}")
            except ImportError:
                pass
libraries = {}
for name in request["libraries"]:
    ctypes.CDLL(name)
    with open("/proc/self/maps") as maps:
        mapped = {line.split()[-1] for line in maps if "/" in line}
    libraries[name] = next(path for path in mapped if path.rsplit("/", 1)[-1].startswith(name.split(".so")[0] + ".so"))
standard = os.path.dirname(os.__file__)
files = {getattr(module, "__file__", None) for module in sys.modules.values()} - {None}
# Some modules, collections.abc of Python 3.13 among them, put another into their own place.
named = (os.path.join(standard, *name.split(".")) + ".py" for name, module in sys.modules.items() if module)
print(json.dumps({
    "standard_directory": standard,
    "files": [*files, *filter(os.path.exists, named)],
    "libraries": libraries,
}))
"""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Files of the standard library below `standard_directory`, and libraries by the name they are loaded by."""

    standard_directory: Path
    files: list[Path]
    libraries: dict[str, Path]


def interpreter() -> Path:
    """The Python binary itself, not a virtual environment's link to it."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    return Path(base).resolve()


def trace_imports(directory: Path, *, libraries: Sequence[str], tls: bool) -> Needs:
    """What the Python files below `directory`, a folder as on sys.path, import of the standard library.

    They are imported, so that what one needs at start is found for certain; what they import inside functions is
    read from their source. Raises LunaError if one of them imports something that is in neither place.
    """
    sources = sorted(directory.rglob("*.py"))
    wanted = [found for path in sources for found in _imports(path)]
    unwanted = set(COMPRESSORS) - {name for name, _ in wanted}
    request = {
        "directory": str(directory),
        "without": [*unwanted, *(() if tls else OPENSSL)],
        "required": [name for path in sources if not (name := _module_name(directory, path)).endswith("__main__")],
        "wanted": [(name, ()) for name in ALWAYS] + wanted,
        "libraries": libraries,
    }
    try:
        # -B, for compiled files beside the sources would become part of what is carried.
        said = run([interpreter(), "-I", "-S", "-B", "-c", _TRACE], stdin=json.dumps(request))
    except CommandFailed as error:
        raise LunaError(f"The node's Python files in {directory} can't be imported on their own: {error}") from error
    answer = json.loads(said)
    files = {Path(file) for file in answer["files"]}
    return Needs(
        standard_directory=Path(answer["standard_directory"]),
        files=sorted(file for file in files if not file.is_relative_to(directory)),
        libraries={name: Path(path) for name, path in answer["libraries"].items()},
    )


def _module_name(directory: Path, path: Path) -> str:
    parts = path.relative_to(directory).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[str, Iterable[str]]]:
    for statement in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(statement, ast.Import):
            yield from ((alias.name, ()) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module, [alias.name for alias in statement.names]
