"""A `luna` that runs in this process, one that is a process of its own, and a cluster to work on."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.testing.command_line import Outcome, run_luna

Luna = Callable[..., Outcome]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LUNA_NO_PLUGINS", "1")
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", "false")
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def luna(state: Path) -> Luna:
    """Runs a command line in this process, given as one text or word by word."""

    def call(*words: str, input: str = "") -> Outcome:
        return run_luna(shlex.split(words[0]) if len(words) == 1 else words, input)

    return call


@pytest.fixture
def process(state: Path) -> Luna:
    """Runs a command line as an administrator does."""

    def call(*arguments: str, input: str = "", **environment: str) -> Outcome:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("luna")), *arguments],
            input=input,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def cluster(luna: Luna) -> Luna:
    """A cluster with two networks, a BMC set-up, an image, a switch, a group and four nodes."""
    for line in (
        "cluster init --frontend-address 10.141.255.254",
        "network add cluster --network 10.141.0.0/16 --gateway 10.141.255.253 --dhcp 10.141.128.1-10.141.140.255",
        "network add ipmi --network 10.148.0.0/16",
        "bmcsetup add default --user admin --password @-",
        "osimage add compute --path /srv/tree",
        "switch add sw01 --address 10.148.255.1",
        "group add compute --osimage compute --bmcsetup default",
        "group interface add compute BOOTIF --network cluster",
        "group interface add compute BMC --network ipmi",
        "node add node[001-004] --group compute",
    ):
        done = luna(*line.split(), input="s3cret\n")
        assert done.status == 0, f"{line}: {done.err}"
    return luna
