"""Images of an operating system of a few files, handled by the command line as an administrator does."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from luna_core.operations import connect
from luna_core.testing.command_line import Outcome, run_luna


@dataclass(frozen=True)
class Site:
    """A controller: its state, and `luna` on it, in this process or as one of its own."""

    state: Path

    def __call__(self, line: str, *more: str) -> Outcome:
        return run_luna([*line.split(), *more])

    def done(self, line: str, *more: str) -> Outcome:
        """For what must succeed."""
        outcome = self(line, *more)
        assert outcome.status == 0, outcome.err
        return outcome

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [str(Path(sys.executable).with_name("luna")), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def python(self, text: str) -> int:
        """Run luna as a program of its own that does something at a certain moment."""
        return subprocess.run([sys.executable, "-c", text], timeout=60, capture_output=True).returncode

    @property
    def tree(self) -> Path:
        return self.state / "trees/compute"

    def pack(self, name: str = "compute") -> Any:
        return self.done(f"osimage pack {name} -o json").json

    def versions(self, name: str = "compute") -> list[int]:
        return [row["number"] for row in self.done(f"osimage version list {name} -o json").json]

    def in_force(self, name: str = "compute") -> int:
        return int(self.done(f"osimage show {name} -o json").json["latest"])

    def directories(self) -> set[str]:
        return {one.name for one in (self.state / "images").iterdir() if not one.name.startswith(".")}

    def offered(self) -> set[str]:
        """What the transport offers."""
        return set(os.listdir(self.state / "public/images"))

    def manifests(self) -> set[str]:
        with connect() as luna:
            return {record.body["manifest_sha256"] for record in luna.look(lambda one: one.fetch("image_version"))}


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the node runtime is kept, so that it is made only once."""
    return tmp_path_factory.mktemp("runtime")


@pytest.fixture
def site(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A cluster that offers images over HTTP, with no other plugin."""
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE", "LUNA_NO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    state = tmp_path / "state"
    state.mkdir()
    (state / "runtime").symlink_to(runtime)
    others = {point.name for point in entry_points(group="luna.plugins")} - {"http"}
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(state))
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(tmp_path / "plugins"))
    monkeypatch.setenv("LUNA_DISABLE_PLUGINS", ",".join(others))
    made = Site(state)
    made.done("cluster init --frontend-address 10.141.255.254")
    return made


@pytest.fixture
def compute(site: Site) -> Site:
    """The site with a built image `compute` that a group uses."""
    site.done("osimage build compute --distro fake")
    site.done("group add nodes --osimage compute")
    return site


@pytest.fixture
def drop_in(tmp_path: Path) -> Callable[[str], None]:
    """Adds a plugin by its text."""

    def write(text: str) -> None:
        directory = tmp_path / "plugins"
        directory.mkdir(mode=0o755, exist_ok=True)
        (directory / "site.py").write_text("from luna_core.hookspecs import hookimpl\n" + text)

    return write
