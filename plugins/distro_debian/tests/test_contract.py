"""The driver keeps to luna's contract, on a tree that it has built itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.interfaces import Distro
from luna_core.testing import facts
from luna_core.testing.distro import DistroContract
from luna_core.types import Image
from luna_distro_debian.driver import Debian

pytestmark = pytest.mark.timeout(1200)


class TestDebian(DistroContract):
    driver_class = Debian

    @pytest.fixture
    def tree(self, distro: Distro, debian_tree: Path) -> Path:
        return debian_tree

    @pytest.fixture
    def image(self, debian_tree: Path) -> Image:
        return replace(facts.image(debian_tree, distro="debian"), options={"release": "bookworm"})
