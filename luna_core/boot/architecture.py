"""Whether a machine can start the kernel of its image, from what iPXE says of the one and the other of itself."""

import struct
from functools import lru_cache
from pathlib import Path

from luna_core.boot.facts import BootFacts
from luna_core.types import Machine

# Machine types of the PE header (PE format, COFF file header) that kernels have because UEFI starts nothing else.
_KERNELS = {0x014C: "x86", 0x8664: "x86_64", 0xAA64: "arm64"}
# What iPXE calls what it was built for. On every x86 machine a BIOS starts one that is built for 32 bits.
_MACHINES = {"i386": "x86", "x86_64": "x86_64", "arm64": "arm64"}
_ALIKE = {"x86", "x86_64"}
_DOS_HEADER_BYTES = 64
_OFFSET_PLACE = 0x3C


def misfit(facts: BootFacts, machine: Machine) -> str:
    """Why the machine can't start what its node is to boot, and what to do about that; empty if it can, or may."""
    kernel = facts.version.directory / facts.manifest.kernel.name
    if fits(kernel, machine):
        return ""
    name, its = facts.node.name, _MACHINES[machine.architecture]
    return (
        f"{name} is to boot {facts.image.name} version {facts.version.number}, whose kernel is for "
        f"{_architecture(kernel)}, and this machine is {its}. Give the node, or its group, an osimage for {its}: "
        f"'luna node change {name} --osimage IMAGE'."
    )


def fits(kernel: Path, machine: Machine) -> bool:
    """Whether the machine can start the kernel; a doubt is none."""
    both = {_architecture(kernel), _MACHINES.get(machine.architecture, "")}
    return "" in both or len(both) == 1 or both == _ALIKE


@lru_cache(maxsize=64)
def _architecture(kernel: Path) -> str:
    """What the kernel of a version is for, empty if it doesn't say; versions never change."""
    try:
        with kernel.open("rb") as file:
            header = file.read(_DOS_HEADER_BYTES)
            if header[:2] != b"MZ" or len(header) < _DOS_HEADER_BYTES:
                return ""
            file.seek(struct.unpack_from("<I", header, _OFFSET_PLACE)[0])
            signature = file.read(6)
    except OSError:
        return ""
    return _KERNELS.get(int.from_bytes(signature[4:], "little"), "") if signature[:4] == b"PE\0\0" else ""
