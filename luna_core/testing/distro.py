"""What luna expects of a distro, as tests."""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from luna_core.errors import Unsupported
from luna_core.interfaces import Distro
from luna_core.testing import facts
from luna_core.types import Image


class DistroContract:
    """Set `driver_class` and override `tree`; give `image` the options that a build needs."""

    driver_class: ClassVar[type[Distro]]

    @pytest.fixture
    def distro(self) -> Distro:
        """A driver, created as luna does."""
        return self.driver_class()

    @pytest.fixture
    def image(self, tmp_path: Path) -> Image:
        """The osimage that the tree belongs to."""
        return facts.image(tmp_path / "tree")

    @pytest.fixture
    def tree(self, distro: Distro, image: Image) -> Path:
        """A tree of this distro with a kernel in it."""
        raise NotImplementedError

    def test_it_recognises_its_own_trees_only(self, distro: Distro, tree: Path, tmp_path: Path) -> None:
        """Neither an empty directory nor another system's tree."""
        assert distro.recognises(tree)
        other = tmp_path / "other"
        (other / "etc").mkdir(parents=True)
        assert not distro.recognises(other)
        (other / "etc/os-release").write_text('ID=plan9\nNAME="Plan 9"\n')
        assert not distro.recognises(other)

    def test_kernels_are_files_in_the_tree(self, distro: Distro, tree: Path, tmp_path: Path) -> None:
        """With a release each; a tree without kernels has none."""
        kernels = distro.kernels(tree)
        assert kernels
        for kernel in kernels:
            assert kernel.release
            assert (tree / kernel.path.relative_to("/")).is_file()
        empty = tmp_path / "empty"
        empty.mkdir()
        assert not distro.kernels(empty)

    def test_the_initramfs_goes_where_it_is_asked_to(self, distro: Distro, tree: Path, image: Image) -> None:
        """A command of words, one of them the output file."""
        (kernel, *_) = distro.kernels(tree)
        command = distro.initramfs_command(image, kernel, "/tmp/luna-initramfs")  # noqa: S108 - never created
        assert any("/tmp/luna-initramfs" in word for word in command)  # noqa: S108
        assert any(kernel.release in word for word in command)

    def test_network_files_hold_the_addresses(self, distro: Distro, tree: Path) -> None:
        """The node's own address and gateway, in files of the new root that are not the BMC's business."""
        files = distro.network_files(facts.node(), tree)
        assert all(PurePosixPath(file.path).is_absolute() and ".." not in file.path for file in files)
        assert any("10.141.0.1" in file.content for file in files)

    def test_excludes_are_absolute(self, distro: Distro) -> None:
        """They are patterns below the root."""
        private = [pattern.removeprefix("-") for pattern in distro.private_files()]
        assert all(pattern.startswith("/") for pattern in (*distro.pack_excludes(), *distro.grab_excludes(), *private))

    def test_boot_packages_are_names(self, distro: Distro, image: Image) -> None:
        """One package each."""
        packages = distro.boot_packages(image)
        assert not isinstance(packages, str)
        assert all(name and not name[0].isspace() and " " not in name for name in packages)

    def test_the_boot_loader_is_a_script_or_unsupported(self, distro: Distro, tree: Path) -> None:
        """Never an exception of another kind."""
        with suppress(Unsupported):
            assert distro.boot_loader_script(facts.node(), tree)
