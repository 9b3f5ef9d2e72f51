"""A controller with all that serves images, and nodes to fetch them, each in a network namespace of its own."""

from pathlib import Path

import pytest

from luna_core.testing.deliveries import deliver, directory, random_tree

__all__ = ["deliver", "directory"]


@pytest.fixture
def tree(directory: Path) -> Path:
    """6 MB."""
    return random_tree(directory / "tree", 30)
