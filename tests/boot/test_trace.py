"""What is said of boots: in figures, in words, as text and as a picture."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from luna_core.boot import trace
from luna_core.boot.svg import picture
from luna_core.model.boot import BootSession

MakeSession = Callable[..., BootSession]
SVG = "{http://www.w3.org/2000/svg}"
# The client unpacks while it downloads.
TRANSFER = (
    ("script", "done", 10.0),
    ("download", "started", 10.0),
    ("unpack", "started", 12.0),
    ("download", "done", 30.0),
    ("unpack", "done", 40.0),
)
FIGURES = {
    **{"percent": 40.0, "rate_bytes_s": 2e6, "received_bytes": 40e6, "peer_bytes": 30e6, "server_bytes": 10e6},
    **{"unpacked_percent": 25.0, "unpack_rate_bytes_s": 8e6, "unpacked_bytes": 100e6, "peers": 3},
}


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


def test_a_failure_ends_everything_and_the_pause_before_the_next_attempt_is_shown(session: MakeSession) -> None:
    reports = [*TRANSFER[:3], ("download", "failed", 20.0), ("script", "done", 25.0), ("install", "failed", 26.0)]
    spans = trace.timeline(session(reports=reports, outcome="failed")).spans
    assert [(span.phase, span.start_s, span.end_s, span.failed) for span in spans] == [
        ("kernel", 0.0, 10.0, False),
        ("download", 10.0, 20.0, True),
        ("unpack", 12.0, 20.0, False),
        ("pause", 20.0, 25.0, False),
        ("install", 25.0, 26.0, True),
    ]


def test_download_and_unpack_overlap_in_the_waterfall_and_in_the_picture(session: MakeSession) -> None:
    line = trace.timeline(session(reports=TRANSFER, outcome="booting"))
    bar = trace.waterfall([line], 100)[1]
    assert 0 < bar.index("d") < bar.index("u")
    assert abs(bar.count("d") - 2 * bar.count("u")) < 4, "unpack is seen from the download's end on"
    root = ElementTree.fromstring(picture([line]))  # noqa: S314 - our own
    bars = {
        title.text.split()[1]: (float(one.attrib["y"]), float(one.attrib["height"]))
        for one in root.iter(f"{SVG}rect")
        if (title := one.find(f"{SVG}title")) is not None and title.text
    }
    (download_y, download_height), (unpack_y, _) = bars["download"], bars["unpack"]
    assert download_y + download_height <= unpack_y
    assert bars["kernel"][1] == 2 * download_height


def test_phases_that_move_the_image_have_bytes_and_rates(session: MakeSession) -> None:
    rows = {row["phase"]: row for row in trace.phase_rows(session(reports=TRANSFER, progress=FIGURES))}
    assert (rows["download"]["bytes"], rows["download"]["rate_bytes_s"]) == (40_000_000, 2_000_000)
    assert (rows["unpack"]["bytes"], rows["unpack"]["rate_bytes_s"]) == (100_000_000, 3_571_429)
    assert rows["kernel"]["bytes"] is None


@pytest.mark.parametrize(
    ("reports", "phase", "percent", "rate"),
    [
        (TRANSFER[:2], "download", 40.0, 2e6),
        (TRANSFER[:3], "download", 40.0, 2e6),
        (TRANSFER[:4], "unpack", 25.0, 8e6),
        (TRANSFER, "unpack", None, None),
        ([*TRANSFER[:3], ("download", "failed", 29.0)], "download", None, None),
    ],
)
def test_the_table_shows_the_transfer_that_is_waited_for(
    session: MakeSession, reports: Sequence[Any], phase: str, percent: float | None, rate: float | None
) -> None:
    figures = {**FIGURES, "time": "2026-11-22T10:00:31.000+00:00"}
    row = trace.progress_row(session(reports=reports, outcome="booting", progress=figures))
    assert (row["phase"], row["percent"], row["rate_bytes_s"]) == (phase, percent, rate)


def test_figures_of_an_earlier_attempt_say_nothing_of_this_one(session: MakeSession) -> None:
    reports = [*TRANSFER[:2], ("download", "failed", 29.0), ("script", "done", 35.0), ("download", "started", 36.0)]
    figures = {**FIGURES, "time": "2026-11-22T10:00:31.000+00:00"}
    assert trace.progress_row(session(reports=reports, outcome="booting", progress=figures))["percent"] is None


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
