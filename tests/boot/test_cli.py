"""`luna boot` and `luna why` as processes of their own, on a store that holds recorded boots."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree

import pytest

from luna_core.cli.main import run
from luna_core.model import Node
from luna_core.model.boot import BootSession
from luna_core.operations import connect

MakeSession = Callable[..., BootSession]
Luna = Callable[..., "subprocess.CompletedProcess[str]"]
MACS = ",".join(f"52:54:00:00:00:0{number}" for number in range(1, 5))
CLUSTER = (
    "cluster init --frontend-address 10.141.255.254",
    "network add cluster --network 10.141.0.0/16",
    "osimage add compute --path /srv/tree --distro fake",
    "group add compute --osimage compute",
    "group interface add compute BOOTIF --network cluster",
    f"node add node[001-004] --group compute --macs {MACS}",
)
LATER = "2026-11-22T10:00:40.000+00:00"


@pytest.fixture
def luna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: MakeSession, whole: Sequence[Any]) -> Luna:
    """Node 1 is up, 2 failed, 3 is downloading, 4 never booted."""
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LUNA_NO_PLUGINS", "1")
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    for line in CLUSTER:
        assert run(line.split()) == 0
    failed = [*whole[:3], ("download", "started", 14.0), ("download", "failed", 90.0)]
    figures = {"phase": "download", "percent": 42.5, "rate_bytes_s": 11_000_000, "peers": 3, "time": LATER}
    boots = (
        session("node001"),
        session("node002", failed, outcome="failed", log="No space left on device\n", exit_status=28, begins_s=5),
        session("node003", whole[:4], outcome="booting", progress=figures, begins_s=9),
    )
    with connect() as store:
        for boot in boots:
            store.note(lambda work, boot=boot: work.put(boot.changed(node=work.get(Node, boot.name).id)))

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).with_name("luna")), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return call


def test_watch_shows_how_far_each_node_is(luna: Luna) -> None:
    done = luna("boot", "watch", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert list(rows) == ["node001", "node002", "node003"]
    assert "No space left on device" in rows["node002"]
    assert all(word in rows["node003"] for word in ("download", "42.5", "11.0 MB/s", "booting"))
    (row,) = json.loads(luna("boot", "watch", "node003", "--once", "-o", "json").stdout)
    assert (row["percent"], row["peers"], row["outcome"]) == (42.5, 3, "booting")
    assert luna("boot", "watch", "node004", "--once").stderr == "None of these nodes has booted yet.\n"


def test_watch_ends_when_all_are_up_or_one_has_failed_or_time_is_up(luna: Luna) -> None:
    assert luna("boot", "watch", "node001").returncode == 0
    assert luna("boot", "watch", "node[001-002]").returncode == 1
    waited = luna("boot", "watch", "node003", "--timeout", "0.1")
    assert waited.returncode == 1
    assert "node003  download booting" in waited.stdout


def test_watch_draws_a_bar_for_each_node_that_moves_its_image(luna: Luna) -> None:
    terminal, end = os.openpty()
    command = [str(Path(sys.executable).with_name("luna")), "boot", "watch", "--timeout", "0.1"]
    environment = {**os.environ, "COLUMNS": "120", "LINES": "24"}
    subprocess.run(command, stdout=end, stderr=end, env=environment, timeout=100)
    os.close(end)
    with open(terminal, encoding="utf-8", errors="replace") as shown:
        rows = {line.split()[0]: " ".join(line.split()) for line in iter(partial(_line_of, shown), "")}
    assert rows["node003"].startswith("node003 download [########............] 42 % 11.0 MB/s 3 peers")
    assert "[" not in rows["node001"]
    assert rows["node002"].endswith("No space left on device")
    assert "1 of 3 up" in " ".join(rows.values())


def _line_of(terminal: TextIO) -> str:
    """A line of a terminal whose other end is closed; then reading fails with EIO, pty(7)."""
    try:
        return terminal.readline()
    except OSError:
        return ""


def test_show_lists_every_phase_of_the_newest_boot(luna: Luna) -> None:
    table = luna("boot", "show", "node002").stdout
    assert "hash-of" not in table
    shown = json.loads(luna("boot", "show", "node002", "-o", "json").stdout)
    assert "token_sha256" not in shown
    last = shown["phases"][-1]
    assert (last["phase"], last["start_s"], last["lasted_s"], last["failed"]) == ("download", 14.0, 76.0, True)
    never = luna("boot", "show", "node004")
    assert (never.returncode, "node004: it has not booted yet" in never.stderr) == (2, True)


def test_report_draws_the_waterfall_and_writes_the_picture(luna: Luna, tmp_path: Path) -> None:
    done = luna("boot", "report", "--svg", str(tmp_path / "boot.svg"))
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == ["node001", "node002", "node003"]
    root = ElementTree.parse(tmp_path / "boot.svg").getroot()  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "has booted yet" in luna("boot", "report", "node004").stderr
    (row,) = json.loads(luna("boot", "report", "node002", "-o", "json").stdout)
    assert (row["outcome"], row["total_s"], row["spans"][-1]["phase"]) == ("failed", 90.0, "download")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("node001", "and is up."),
        ("node002", "failed in download with exit status 28"),
        ("node002", "    No space left on device"),
        ("node003", "and is in download"),
        ("node004", "has never booted, and could not"),
        ("node004", "'luna osimage pack compute' makes one"),
    ],
)
def test_why_says_it_in_words(luna: Luna, node: str, said: str) -> None:
    done = luna("why", node)
    assert (done.returncode, said in done.stdout) == (0, True), done.stdout


def test_why_is_there_for_programs_too(luna: Luna) -> None:
    said = json.loads(luna("why", "node001", "-o", "json").stdout)
    assert (said["node"], said["why"].endswith("and is up.")) == ("node001", True)


def test_a_node_that_is_unknown_is_named(luna: Luna) -> None:
    done = luna("why", "node04")
    assert (done.returncode, "Did you mean node004" in done.stderr) == (2, True)


def test_scripts_can_be_previewed_only_of_what_could_boot(luna: Luna) -> None:
    done = luna("node", "show", "node001", "--script", "boot")
    assert (done.returncode, "it has no version to boot" in done.stderr) == (2, True)
