"""Whether this machine can execute what is in a tree."""

import os
import struct
from pathlib import Path

from luna_core.chroot.paths import resolve
from luna_core.errors import Unsupported

# e_machine of an ELF header (elf(5)), by the name that uname(2) and qemu-user have for it.
_MACHINES = {3: "i386", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_EXECUTED_TOO = {"x86_64": "i386", "aarch64": "arm"}
_INTERPRETERS = Path("/proc/sys/fs/binfmt_misc")
_HEADER_BYTES = 20


def refuse_foreign(image: str, root: Path) -> None:
    """Raise Unsupported if the tree's programs are for another machine and binfmt_misc(5) has no emulator for it."""
    its, ours = machine_of_tree(root), os.uname().machine
    if its in (None, ours, _EXECUTED_TOO.get(ours)) or (_INTERPRETERS / f"qemu-{its}").exists():
        return
    raise Unsupported(
        f"osimage {image}: {root} is for {its}, and this machine is {ours}; its programs run here once the packages "
        "qemu-user-static and binfmt-support are installed."
    )


def is_foreign(root: Path) -> bool:
    """Whether the tree is for another machine than this one."""
    return machine_of_tree(root) not in (None, os.uname().machine)


def machine_of_tree(root: Path) -> str | None:
    """The machine that a tree's shell is for, as in x86_64; None if it has none of a known one."""
    return machine_of(resolve(root, "/bin/sh"))


def machine_of(program: Path) -> str | None:
    """The machine that an ELF program is for, as in x86_64; None if it is no program of a known one."""
    try:
        header = program.open("rb").read(_HEADER_BYTES)
    except OSError:
        return None
    if len(header) < _HEADER_BYTES or not header.startswith(b"\x7fELF"):
        return None
    is_little = header[5] == 1
    (number,) = struct.unpack_from("<H" if is_little else ">H", header, 18)
    return _MACHINES.get(number)
