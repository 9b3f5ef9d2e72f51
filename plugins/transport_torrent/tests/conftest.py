"""Controllers and nodes, each in a network namespace of its own, and an image to deliver."""

from pathlib import Path

import pytest

from luna_core.testing.deliveries import deliver, directory, random_tree

__all__ = ["deliver", "directory"]


@pytest.fixture
def tree(directory: Path) -> Path:
    """12 MB."""
    return random_tree(directory / "tree", 60)
