"""What is said of boots: in figures, in words, as text and as a picture."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from luna_core.boot import trace
from luna_core.boot.explain import explain
from luna_core.boot.svg import picture
from luna_core.model.boot import BootSession

MakeSession = Callable[..., BootSession]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_timeline_has_every_phase_with_its_times(session: MakeSession) -> None:
    line = trace.timeline(session())
    spans = {span.phase: (span.start_s, span.end_s) for span in line.spans}
    assert spans == {
        "kernel": (0.0, 12.0),
        "partscript": (13.0, 14.0),
        "download": (14.0, 34.0),
        "setnet": (34.0, 35.0),
        "finish": (35.0, 36.0),
        "system": (36.0, 60.0),
    }
    assert (line.total_s, line.outcome) == (60.0, "up")


def test_a_phase_that_goes_on_has_no_end(session: MakeSession, whole: Sequence[Any]) -> None:
    (*_, last) = trace.timeline(session(reports=whole[:4], outcome="booting")).spans
    assert (last.phase, last.end_s) == ("download", None)
    assert last.lasted_s(20.0) == 6.0


def test_a_phase_that_is_tried_again_has_a_span_for_each_time(session: MakeSession) -> None:
    reports = [("script", "done", 1.0)]
    for at_s in (2.0, 10.0):
        reports += [("partscript", "started", at_s), ("partscript", "failed", at_s + 1)]
    spans = trace.timeline(session(reports=reports, outcome="failed")).spans
    assert [(span.phase, span.start_s, span.failed) for span in spans[1:]] == [
        ("partscript", 2.0, True),
        ("partscript", 10.0, True),
    ]


def test_the_waterfall_shows_boots_to_scale(session: MakeSession, whole: Sequence[Any]) -> None:
    late = session("node002", begins_s=30.0)
    failed = session(
        "node10", [*whole[:3], ("download", "started", 14.0), ("download", "failed", 44.0)], outcome="failed"
    )
    lines = trace.waterfall([trace.timeline(one) for one in (session(), late, failed)], 100)
    assert lines[0].split() == ["0", "s", "90.0", "s"]
    assert all(len(line) <= 100 for line in lines[:-1])
    first, second, third = lines[1:4]
    assert first.startswith("node001 k")
    assert first.endswith("60.0 s up")
    room = len(first) - len("node001 ") - len("   60.0 s up")
    begins = len(second) - len(second.removeprefix("node002").lstrip()) - len("node002")
    assert abs(begins - room * 30 / 90) < 3
    assert abs(third.count("!") - room * 30 / 90) < 3
    assert third.endswith("44.0 s failed")
    explained = [one.split() for one in lines[-1].split("  ")]
    assert [phase for _, phase in explained] == ["kernel", "partscript", "download", "setnet", "finish", "system"]
    assert len({letter for letter, _ in explained}) == 6


def test_a_waterfall_of_nothing_is_nothing() -> None:
    assert trace.waterfall([], 80) == []


def test_slow_nodes_are_named_with_what_is_usual(session: MakeSession) -> None:
    slow = [("script", "done", 12.0), ("download", "started", 14.0), ("download", "done", 90.0)]
    usual = [("script", "done", 12.0), ("download", "started", 14.0), ("download", "done", 34.0)]
    lines = [trace.timeline(session(f"node{number:03}", usual)) for number in range(1, 4)]
    assert trace.slow_phases(lines) == []
    lines.append(trace.timeline(session("node004", slow)))
    assert trace.slow_phases(lines) == ["node004: download took 76.0 s, most took 20.0 s."]


def test_the_picture_is_svg_whatever_it_holds(session: MakeSession) -> None:
    strange = session("node002", [("script", "done", 1.0), ("<phase>", "started", 2.0), ("<phase>", "failed", 9.0)])
    root = ElementTree.fromstring(picture([trace.timeline(one) for one in (session(), strange)]))  # noqa: S314 - our own
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"node001", "node002", "<phase>", "download"} <= set(texts)
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert "node001 download 20.0 s" in titles
    failed = [one for one in root.iter(f"{SVG}rect") if one.get("fill") == "#e15759"]
    assert len(failed) == 1
    bars = [one for one in root.iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]
    right_most = max(float(one.attrib["x"]) + float(one.attrib["width"]) for one in bars)
    assert right_most <= float(root.attrib["width"])


def test_the_picture_of_nothing_is_still_one() -> None:
    assert ElementTree.fromstring(picture([])).tag == f"{SVG}svg"  # noqa: S314 - our own


def test_progress_is_what_the_node_said_last(session: MakeSession, whole: Sequence[Any]) -> None:
    at = "2026-11-22T10:00:19.500+00:00"
    figures = {"phase": "download", "percent": 40.0, "rate_bytes_s": 2e6, "peers": 3, "time": at}
    booting = session(reports=whole[:4], outcome="booting", progress=figures)
    begun = trace.timeline(booting).opened
    row = trace.progress_row(booting, begun + timedelta(seconds=20))
    assert (row["phase"], row["percent"], row["peers"], row["seconds"]) == ("download", 40.0, 3, 20.0)
    assert trace.progress_row(session(reports=(), outcome="booting"))["phase"] == "kernel"
    later = trace.progress_row(session(reports=[*whole[:5], ("setnet", "started", 34.0)], progress=figures))
    assert (later["phase"], later["percent"]) == ("setnet", None)


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
    text = explain(boot, trace.timeline(boot).opened + timedelta(seconds=10))
    assert text.startswith("node001 began to boot compute version 3 at 2026-11-22T10:00:00")
    assert said in text


def test_a_failure_is_explained_with_its_status_and_the_end_of_its_log(session: MakeSession) -> None:
    log = "".join(f"line {number}\n" for number in range(100)) + "mount: /dev/sda1: no such device\n"
    reports = [("partscript", "started", 1.0), ("partscript", "failed", 2.0)]
    boot = session(reports=reports, outcome="failed", log=log, exit_status=32)
    text = explain(boot, trace.timeline(boot).opened + timedelta(seconds=7))
    assert "failed in partscript with exit status 32 5 s ago. It tries again by itself; 'ssh 10.141.0.1'" in text
    *_, last, advice = text.splitlines()
    assert last == "    mount: /dev/sda1: no such device"
    assert advice.startswith("What helps: 'luna node show node001 --script install' shows what it ran")
    assert len(text.splitlines()) == 23
    assert trace.progress_row(session(reports=reports, outcome="failed", log=log))["detail"] == (
        "mount: /dev/sda1: no such device"
    )
