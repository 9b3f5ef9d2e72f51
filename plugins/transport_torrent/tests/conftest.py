"""Controllers and nodes, each in a network namespace of its own, and an image to deliver."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.deliveries import TRANSPORTS, deliveries, open_directory, random_tree
from luna_core.testing.delivery import Delivery


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """luna's state."""
    with open_directory() as path:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(path))
        yield path


@pytest.fixture
def tree(directory: Path) -> Path:
    """12 MB."""
    return random_tree(directory / "tree", 60)


@pytest.fixture
def deliver(directory: Path, luna_plugins: Callable[..., Hooks]) -> Iterator[Callable[..., Delivery]]:
    """Call it with the number of nodes and what else `Switch` takes to get a controller that is up."""
    with deliveries(directory, luna_plugins(*TRANSPORTS)) as start:
        yield start
