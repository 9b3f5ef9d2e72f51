"""What tests of delivery begin with: a tree of random bytes, and fixtures of a state directory and of controllers."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch

_TRANSPORTS = ("luna_transport_torrent.plugin", "luna_transport_http.plugin")
_PORTS = (6881, 7051)


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that servers get to after they gave up root, as they don't to pytest's own tmp_path."""
    path = Path(tempfile.mkdtemp(prefix="luna-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def random_tree(tree: Path, files: int) -> Path:
    """A tree of this many files of many sizes that can't be compressed, 0.15 MB each and 2 MB more; always the same."""
    chance = random.Random(1)  # noqa: S311 - the same tree every time
    for number in range(files):
        file = tree / f"usr/lib/{number % 7}/file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(chance.choice([0, 10, 50_000, 200_000, 500_000])))
    (tree / "usr/lib/large").write_bytes(chance.randbytes(2_000_000))
    (tree / "bin").symlink_to("usr/bin")
    (tree / "usr/lib/another-name").hardlink_to(tree / "usr/lib/large")
    return tree


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Luna's state."""
    with open_directory() as path:
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(path))
        yield path


@pytest.fixture
def deliver(directory: Path, luna_plugins: Callable[..., Hooks]) -> Iterator[Callable[..., Delivery]]:
    """Call it with the number of nodes and what else `Switch` takes to get a controller that is up."""
    with ExitStack() as stack:

        def start(nodes: int, **rates: Any) -> Delivery:
            switch = stack.enter_context(Switch(nodes, **rates))
            delivery = stack.enter_context(Delivery(directory, luna_plugins(*_TRANSPORTS), switch))
            for port in _PORTS:
                delivery.wait_for_port(port)
            return delivery

        yield start
