"""What `luna why` says of a boot, in words."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot import trace
from luna_core.boot.explain import explain, is_silent
from luna_core.model.boot import BootSession

MakeSession = Callable[..., BootSession]


def after(boot: BootSession, seconds: float) -> datetime:
    """So long after the boot began."""
    return datetime.fromisoformat(boot.opened) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "and is up."),
        ({"outcome": "installed"}, "its own system is starting, but it does not answer on ssh yet"),
        ({"outcome": "abandoned"}, "but began again before it had finished"),
        ({"reports": (), "outcome": "booting"}, "got kernel and initramfs; nothing was heard of it for"),
        (
            {"reports": [("script", "done", 1.0)], "outcome": "booting"},
            "and finished script; it was last heard of 9 s ago",
        ),
        (
            {"reports": [("download", "started", 1.0)], "outcome": "booting"},
            "is in download; it was last heard of 9 s ago",
        ),
        ({"reports": [("service", "started", 1.0)], "outcome": "booting"}, "'luna node change node001 --no-service'"),
    ],
)
def test_a_boot_is_explained_in_words(session: MakeSession, arguments: dict[str, Any], said: str) -> None:
    boot = session(**arguments)
    text = explain(boot, after(boot, 10))
    assert text.startswith("node001 began to boot compute version 3 at 2026-11-22T10:00:00")
    assert said in text


def test_a_failure_is_explained_with_its_status_and_the_end_of_its_log(session: MakeSession) -> None:
    log = "".join(f"line {number}\n" for number in range(100)) + "mount: /dev/sda1: no such device\n"
    reports = [("partscript", "started", 1.0), ("partscript", "failed", 2.0)]
    boot = session(reports=reports, outcome="failed", log=log, exit_status=32)
    text = explain(boot, after(boot, 7))
    assert "failed in partscript with exit status 32 5 s ago. It tries again by itself; 'ssh 10.141.0.1'" in text
    *_, last, advice = text.splitlines()
    assert last == "    mount: /dev/sda1: no such device"
    assert advice.startswith("What helps: 'luna node show node001 --script install' shows what it ran")
    assert len(text.splitlines()) == 23
    assert trace.progress_row(session(reports=reports, outcome="failed", log=log))["detail"] == (
        "mount: /dev/sda1: no such device"
    )


def test_a_layout_that_is_refused_leads_to_the_plan(session: MakeSession) -> None:
    log = "luna: disk one …\nluna: /dev/sda for 'one' holds ext4 'data', of which … Nothing was written.\n"
    failed = session(reports=[("disks", "done", 1.0), ("partscript", "failed", 2.0)], outcome="failed", log=log)
    assert "holds ext4 'data'" in explain(failed)
    assert "What helps: 'luna node disks node001' shows the layout" in explain(failed)


@pytest.mark.parametrize(
    ("seconds", "arguments", "said"),
    [
        (400, {"reports": (), "outcome": "booting"}, "for 7 min. Its console tells what it does"),
        (
            400,
            {"reports": (), "outcome": "booting"},
            "'luna osimage version verify compute' tells whether both are sound",
        ),
        (
            50,
            {"reports": [("postscript", "started", 1.0)], "outcome": "booting"},
            "is in postscript since 49 s; it was",
        ),
        (
            200,
            {"reports": [("postscript", "started", 1.0)], "outcome": "booting"},
            "is in postscript since 3 min. Nothing was heard of it for 3 min: it is switched off, frozen, or cut off",
        ),
        (
            200,
            {"reports": [("partscript", "failed", 1.0)], "outcome": "failed"},
            "3 min ago. Nothing was heard of it for 3 min",
        ),
        (700, {"outcome": "installed"}, "was started 11 min ago, but does not answer at 10.141.0.1. Its console tells"),
        (30, {"reports": [("service", "started", 1.0)], "outcome": "booting"}, "stays in service mode, with ssh."),
    ],
)
def test_what_takes_too_long_is_told_from_what_goes_on(
    session: MakeSession, seconds: float, arguments: dict[str, Any], said: str
) -> None:
    boot = session(**arguments)
    assert said in explain(boot, after(boot, seconds))


def test_a_script_that_takes_its_time_is_not_taken_for_a_frozen_node(session: MakeSession) -> None:
    boot = session(reports=[("postscript", "started", 1.0)], outcome="booting")
    alive = boot.changed(touched=after(boot, 1790).isoformat())
    assert not is_silent(alive, after(boot, 1800))
    assert "is in postscript since 30 min; it was last heard of 10 s ago." in explain(alive, after(boot, 1800))


@pytest.mark.parametrize("days", [365, -365])
def test_silence_does_not_go_by_a_clock_that_was_set(
    session: MakeSession, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    uptimes = [1000.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: uptimes[-1])
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    boot = session(reports=[("postscript", "started", 1.0)], outcome="booting").changed(
        touched=(datetime.now(UTC) + timedelta(days=days)).isoformat(), heard_on=kernel, heard_s=uptimes[-1]
    )
    assert "it was last heard of 0 s ago." in explain(boot)
    uptimes.append(1100.0)
    assert is_silent(boot)
    assert "Nothing was heard of it for 100 s" in explain(boot)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (5e6, "is in download: 10 % at 5.0 MB/s from the controller and 3 peers; it was last heard of 1 s ago."),
        (2e4, "3 peers; at this rate it takes 75 min more: are its link and the controller's sound?"),
    ],
)
def test_a_slow_download_is_called_slow(session: MakeSession, rate: float, said: str) -> None:
    reports = [("script", "done", 1.0), ("download", "started", 2.0)]
    figures = {"percent": 10.0, "rate_bytes_s": rate, "received_bytes": 10e6, "peers": 3}
    boot = session(reports=reports, outcome="booting", progress={**figures, "time": "2026-11-22T10:00:09+00:00"})
    assert said in explain(boot.changed(touched=after(boot, 9).isoformat()), after(boot, 10))


@pytest.mark.parametrize(
    ("phase", "exit_status", "log", "said"),
    [
        ("unpack", 3, "OSError: No space left on device", "'luna node change node001 --root-size'"),
        ("download", 1, "Shard shards/0001 has SHA-256 x, not y.", "'luna osimage pack compute' repairs them"),
        ("download", 1, "ConnectionRefusedError", "does 'luna serve' run?"),
        ("download", 1, "manifest.json: status 404 Not Found.", "The next attempt asks for the version in force"),
        ("unpack", 3, "private: status 404 Not Found.", "The next attempt asks for the version in force"),
        ("download", 137, "", "exit status 137 (it was killed, as happens when memory runs out)"),
        ("unpack", 3, "I/O error", "'ssh 10.141.0.1' leads to the node, where dmesg"),
        ("install", 2, "", "/run/luna/install.log on the node"),
        ("postscript", 124, "", "exit status 124 (its time was up, see setting boot.script_timeout_s)"),
        ("setbmc", 143, "", "exit status 143 (ended by SIGTERM)"),
        ("postscript", 1, "", "'luna node show node001 --explain' where the script comes from"),
    ],
)
def test_a_failure_comes_with_what_helps(
    session: MakeSession, phase: str, exit_status: int, log: str, said: str
) -> None:
    boot = session(reports=[(phase, "failed", 2.0)], outcome="failed", log=log, exit_status=exit_status)
    assert said in explain(boot, after(boot, 9))


def test_a_failure_is_not_forgotten_while_the_next_attempt_goes_on(session: MakeSession) -> None:
    reports = [("postscript", "started", 1.0), ("postscript", "failed", 2.0)]
    failed = session(reports=reports, outcome="failed", log="no licence\n", exit_status=9)
    again = failed.events[-1].model_copy(update={"phase": "partscript", "status": "started", "log": ""})
    boot = failed.changed(events=(*failed.events, again), outcome="booting")
    first, *rest = explain(boot, after(boot, 9)).splitlines()
    assert first.endswith("and is in partscript since 7 s; it was last heard of 7 s ago.")
    assert rest[:3] == [
        "Before, it failed in postscript with exit status 9 7 s ago.",
        "Its log ends:",
        "    no licence",
    ]
