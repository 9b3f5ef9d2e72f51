"""`make bench` runs all benchmarks, whatever one of them says, and ends where it is interrupted."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
Make = Callable[[str], tuple["subprocess.CompletedProcess[str]", list[str]]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Runs it with a python that only notes what it is to run; `statuses` is a case of sh(1) over that."""

    def run(statuses: str) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
        python, ran = tmp_path / "bin/python", tmp_path / "ran"
        python.parent.mkdir()
        python.write_text(f"#!/bin/sh\necho $1 >> {ran}\ncase $1 in {statuses} esac\n")
        python.chmod(0o755)
        command = ["make", "-C", REPOSITORY, "-o", "install", "bench", f"VENV={tmp_path}"]
        return subprocess.run(command, capture_output=True, text=True), ran.read_text().split()

    return run


def test_all_are_run_and_those_that_failed_are_named_at_last(make: Make) -> None:
    done, ran = make("*/control_plane.py|*/relays.py) exit 1;;")
    assert ran[0] == "benchmarks/delivery.py"
    assert ran[-1] == "benchmarks/storm_model.py"
    assert done.returncode != 0
    assert "These failed, or what they say must hold doesn't: control_plane.py relays.py\n" in done.stderr


def test_one_that_was_interrupted_is_the_last(make: Make) -> None:
    done, ran = make("*/racks.py) exit 130;;")
    assert ran[-1] == "benchmarks/racks.py"
    assert done.returncode != 0


def test_it_is_well_if_all_are(make: Make) -> None:
    done, _ = make("")
    assert done.returncode == 0
    assert not done.stderr
