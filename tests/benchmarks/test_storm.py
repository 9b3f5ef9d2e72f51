"""What was measured is kept, and shown as what it is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from luna_core.testing.delivery import wait_until

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEASURED = Path(__file__).parents[2] / "docs/images/storms.jsonl"
Load = Callable[[str], ModuleType]


def test_a_storm_of_before_is_shown_with_its_time(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storm, ground = load("storm"), load("ground")
    file = tmp_path / "storms.jsonl"
    figures = json.loads(MEASURED.read_text().splitlines()[0])
    options = figures["words"][2 + len(storm.QUEUE) :]
    ground.keep(file, figures)
    known = json.loads(file.read_text())
    assert ground.revision() in known["machine"]
    storm.show("torrent", storm.storm("torrent", figures["nodes"], options, file, 1.0, again=False))
    assert capsys.readouterr().out.endswith(f"{figures['nodes']}  measured {known['at']}\n")
    storm.show("torrent", known)
    assert "measured" not in capsys.readouterr().out


# What a storm is to the benchmark: it notes the first signal, which is to be the only one, and ends.
STORM = """#!{python}
import signal
from pathlib import Path
numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
Path("begun").touch()
Path("ended").write_text(signal.Signals(signal.sigwait(numbers)).name)
"""
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import ground, storm
storm.LUNA = Path("luna").absolute()
ground.end_cleanly()
storm.storm("http", 1, (), Path("into"), 1000.0, again=True)
"""


# A terminal sends its signals to everything that runs there.
@pytest.mark.parametrize(
    ("send", "number"), [(os.killpg, signal.SIGINT), (os.killpg, signal.SIGHUP), (os.kill, signal.SIGTERM)]
)
def test_a_storm_ends_before_the_benchmark_does(
    send: Callable[[int, int], None], number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "luna").write_text(STORM.format(python=sys.executable))
    (tmp_path / "luna").chmod(0o755)
    command = [sys.executable, "-c", RUN, str(BENCHMARKS)]
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True) as process:
        try:
            wait_until((tmp_path / "begun").exists, "the storm to begin")
            send(process.pid, number)
            assert process.wait(60) == 128 + number
        finally:
            process.kill()
    assert (tmp_path / "ended").read_text() == "SIGTERM"


def test_a_tree_of_which_nothing_changes_is_not_measured(load: Load, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of no package")
    delta = load("delta")
    text, _ = delta.measure(None, tmp_path, delta.by_package, 1.0)
    assert text.startswith("not measured: of 1 files")
