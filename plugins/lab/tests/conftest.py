"""Labs with a rack: BMCs that switch the machines, and a switch. And how a node's files differ from those of a tree."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from luna_core.run import run
from luna_lab.lab import Lab
from luna_lab.machine import Machine
from luna_lab.rack import Rack

# What a running system writes, and what makes a node of a clone, is elsewhere.
COMPARED = ("usr", "boot", "opt", "srv", "etc/apt", "etc/pam.d", "etc/systemd/system", "var/lib/dpkg", "var/lib/pam")
LISTING = r"find %s -xdev ! -type d -printf '%%p %%y %%m %%U %%G %%s %%T@ %%n %%l\n' | LC_ALL=C sort"


@pytest.fixture
def rack() -> Iterator[Rack]:
    """Two machines, off and too small to boot anything."""
    with Lab(nodes=2, memory_mb=64, disks_mb=[8]) as lab, Rack(lab) as rack:
        yield rack


@pytest.fixture(scope="session")
def differences() -> Callable[..., Sequence[str]]:
    """A function that says which lines of a listing of a tree's files a node's lacks, or has beyond them.

    The listing is a shell command with a place for directories; compiled Python files appear where root runs Python.
    """

    def compare(
        lab: Lab, node: Machine, tree: Path, listing: str = LISTING, places: Sequence[str] = COMPARED
    ) -> list[str]:
        command = listing % " ".join(place for place in places if (tree / place).exists())
        packed = run(["sh", "-c", f"cd {tree} && {command}"]).splitlines()
        found = lab.on_node(node, f"cd / && {command}", timeout_s=900).splitlines()
        return sorted(line for line in set(packed) ^ set(found) if "__pycache__" not in line)

    return compare
