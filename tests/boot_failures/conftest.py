"""A node of a real controller in a lab, and ways to see what became of it."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luna_lab.controller import Controller
from luna_lab.events import Event
from luna_lab.lab import Lab

WAIT_S = 1800.0
NODE = "node001"


@dataclass
class Trial:
    """A controller and its only node."""

    lab: Lab
    controller: Controller

    def on_node(self, command: str) -> str:
        return self.lab.on_node(self.lab.machines[0], command)

    def says(self, pattern: str, after: Event | None = None) -> Event:
        """Wait for a line on the node's console."""
        return self.lab.events.wait(NODE, pattern, WAIT_S, after=after)

    def why(self, sentence: str) -> str:
        """Wait until `luna why` says this, and return all that it says."""
        return _until(lambda: self.controller.luna("why", NODE), lambda text: sentence in text)

    def row(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the node's row in `luna boot watch` is so."""

        def look() -> dict[str, Any]:
            rows = json.loads(self.controller.luna("boot", "watch", NODE, "--once", "--output", "json"))
            return rows[0] if rows else {}

        return _until(look, is_it)

    def events(self) -> list[dict[str, Any]]:
        """What the newest boot is known to have done."""
        shown: dict[str, Any] = json.loads(self.controller.luna("boot", "show", NODE, "--output", "json"))
        return list(shown["events"])


@pytest.fixture
def trial() -> Iterator[Trial]:
    # Slow enough that a controller can go away in the middle of a download.
    with Lab(memory_mb=1024, uplink_mbit=24) as lab:
        controller = Controller(lab, disabled_plugins=["torrent"])
        controller.serve()
        yield Trial(lab, controller)


@pytest.fixture
def a_shard() -> Callable[[Trial], Path]:
    """The file of one shard of the image's version, in the middle of those that nodes fetch."""

    def find(trial: Trial) -> Path:
        (manifest,) = (trial.controller.state / "images").glob("*/manifest.json")
        files = [one["name"] for one in json.loads(manifest.read_text())["shards"] if one["kind"] == "files"]
        return manifest.parent / files[len(files) // 2]

    return find


def _until(look: Callable[[], Any], is_it: Callable[[Any], bool]) -> Any:
    until_s = time.monotonic() + WAIT_S
    while not is_it(found := look()):
        assert time.monotonic() < until_s, f"{WAIT_S:g} s have passed, and it is still: {found}"
        time.sleep(0.5)
    return found
