"""Labs with a rack: BMCs that switch the machines, and a switch."""

from collections.abc import Iterator

import pytest

from luna_lab.lab import Lab
from luna_lab.rack import Rack


@pytest.fixture
def rack() -> Iterator[Rack]:
    """Two machines, off and too small to boot anything."""
    with Lab(nodes=2, memory_mb=64, disks_mb=[8]) as lab, Rack(lab) as rack:
        yield rack
