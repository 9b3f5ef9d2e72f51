"""A cluster of two nodes, and Ansible beside it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luna_core.testing.command_line import run_luna

BIN = Path(sys.executable).parent


@pytest.fixture
def luna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The luna command with a cluster; gives what it printed as JSON."""
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", f"{BIN}:{os.environ['PATH']}")
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    monkeypatch.setenv("ANSIBLE_LOCALHOST_WARNING", "false")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for line in (
        "cluster init --frontend-address 10.141.255.254",
        "network add cluster --network 10.141.0.0/16",
        "group add compute",
        "group interface add compute BOOTIF --network cluster",
        "group add gpu --parent compute --tag accelerator",
        "node add node001 --group compute --rack r-1 --tag spare",
        "node add node002 --group gpu",
    ):
        assert run_luna(line.split()).status == 0

    def ask(line: str) -> Any:
        return run_luna([*line.split(), "-o", "json"]).json

    return ask


@dataclass(frozen=True)
class Answer:
    """What a program of Ansible's said."""

    status: int
    out: str
    text: str

    @property
    def json(self) -> Any:
        """The only task's result, which comes after its host and outcome, or all that was printed."""
        return json.loads(self.out.partition(" => ")[2] or self.out)


@pytest.fixture
def ansible(luna: Callable[[str], Any]) -> Callable[..., Answer]:
    """Runs a program of Ansible's."""

    def run(program: str, *words: str, **environment: str) -> Answer:
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "minimal", **environment}
        done = subprocess.run([BIN / program, *words], capture_output=True, text=True, timeout=100, env=environment)
        return Answer(done.returncode, done.stdout, done.stdout + done.stderr)

    return run
