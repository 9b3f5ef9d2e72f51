"""The shared libraries of ELF files (ld.so(8)), so that they can be carried to a machine that has others."""

import re
from collections.abc import Iterable
from pathlib import Path
from shutil import copyfile, which

from luna_core.errors import CommandFailed
from luna_core.run import run

_LINE = re.compile(
    r"^\s*(?:(?P<name>\S+) => (?P<path>/\S+|not found)|(?P<loader>/\S+))(?: \(0x[0-9a-f]+\)|(?<=found))$", re.M
)


def is_elf(path: Path) -> bool:
    """Whether the file is an ELF object (elf(5))."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_libraries(paths: Iterable[Path]) -> dict[str, Path]:
    """The libraries that these ELF files need, their loader included, by the names that they are loaded by.

    Raises CommandFailed naming a library that is not there.
    """
    found: dict[str, Path] = {}
    # Together and in the environment's locale-free form: one ldd for all, whose output says nothing of which is whose.
    for match in _LINE.finditer(run(["ldd", *paths], environment={"LC_ALL": "C"})):
        if match["loader"]:
            found[Path(match["loader"]).name] = Path(match["loader"])
        elif match["path"] == "not found":
            raise CommandFailed(f"The library {match['name']}, which a program for the nodes needs, is not there.")
        else:
            found[match["name"]] = Path(match["path"])
    return found


def copy_stripped(source: Path, destination: Path) -> None:
    """Copy an ELF file without its debug information, where strip(1) is installed; else as it is."""
    if which("strip"):
        run(["strip", "--strip-unneeded", "-o", destination, source])
    else:
        copyfile(source, destination)
