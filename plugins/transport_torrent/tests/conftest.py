import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.delivery import Delivery
from luna_core.testing.switch import Switch

PLUGINS = ("luna_transport_torrent.plugin", "luna_transport_http.plugin")


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """luna's state; servers that gave up root must get there, which pytest's own tmp_path forbids."""
    path = Path(tempfile.mkdtemp(prefix="luna-torrent-"))
    path.chmod(0o755)
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def tree(directory: Path) -> Path:
    """12 MB that can't be compressed, in files of many sizes."""
    tree = directory / "tree"
    chance = random.Random(1)  # noqa: S311 - the same tree every time
    for number in range(60):
        file = tree / f"usr/lib/{number % 7}/file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(chance.choice([0, 10, 50_000, 200_000, 500_000])))
    (tree / "usr/lib/large").write_bytes(chance.randbytes(3_000_000))
    (tree / "bin").symlink_to("usr/bin")
    (tree / "usr/lib/another-name").hardlink_to(tree / "usr/lib/large")
    return tree


@pytest.fixture
def deliver(directory: Path, luna_plugins: Callable[..., Hooks]) -> Iterator[Callable[..., Delivery]]:
    """Call it with the number of nodes and what else `Switch` takes to get a controller that is up."""
    with ExitStack() as stack:

        def start(nodes: int, **rates: Any) -> Delivery:
            switch = stack.enter_context(Switch(nodes, **rates))
            delivery = stack.enter_context(Delivery(directory, luna_plugins(*PLUGINS), switch))
            for port in (6881, 7051):
                delivery.wait_for_port(port)
            return delivery

        yield start
