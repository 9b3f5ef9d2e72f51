"""The driver keeps to luna's contract, on a tree that it has built itself."""

from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.interfaces import Distro
from luna_core.testing import facts
from luna_core.testing.distro import DistroContract
from luna_core.types import Image
from luna_distro_rhel.driver import Rhel


class TestRhel(DistroContract):
    driver_class = Rhel

    @pytest.fixture
    def tree(self, distro: Distro, rhel_tree: Path) -> Path:
        return rhel_tree

    @pytest.fixture
    def image(self, rhel_tree: Path) -> Image:
        return replace(facts.image(rhel_tree, distro="rhel"), options={"release": "9.4"})


@pytest.mark.parametrize(
    ("release", "is_known"),
    [
        ("ID=rhel\nVERSION_ID=8.10\n", True),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n', True),
        ('ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n', True),
        ("ID=centos\nVERSION_ID=9\n", True),
        ("ID=fedora\nVERSION_ID=42\n", True),
        ("ID=centos\nVERSION_ID=7\n", False),
        ("ID=debian\nVERSION_ID=12\n", False),
    ],
)
def test_releases_are_recognised_from_8_on(tmp_path: Path, release: str, is_known: bool) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release)
    assert Rhel().recognises(tmp_path) is is_known


def test_packages_depend_on_the_release_the_kernel_and_the_locale(tmp_path: Path) -> None:
    image = facts.image(tmp_path, settings={"rhel.locale": "de_DE.UTF-8"})
    assert {"kernel", "tar", "glibc-langpack-de"} <= set(Rhel().boot_packages(image))
    uek = replace(image, options={"kernel": "kernel-uek"})
    assert "kernel-uek" in Rhel().boot_packages(uek)
    assert "kernel" not in Rhel().boot_packages(uek)
