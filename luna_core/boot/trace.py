"""What became of boots: how far each node is, how long each phase took, and which nodes were slow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from luna_core.boot.sessions import WAITING_PHASE
from luna_core.model.boot import BootEvent, BootSession

FIRMWARE = "kernel"
SYSTEM = "system"
SERVICE = "service"
PAUSE = "pause"
SCRIPT = "script"
UP = "up"
TRANSFERS = ("download", "unpack")
SLOW = 1.5
SLOW_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Span:
    """A phase of one node's boot, in seconds since the boot began; `end_s` is None while it goes on."""

    phase: str
    start_s: float
    end_s: float | None
    failed: bool = False

    def lasted_s(self, now_s: float) -> float:
        """How long it took, or has taken so far."""
        return (now_s if self.end_s is None else self.end_s) - self.start_s


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One boot of one node."""

    node: str
    opened: datetime
    outcome: str
    spans: tuple[Span, ...]

    @property
    def total_s(self) -> float:
        """From the discovery answer to the last thing known."""
        return max((span.end_s or span.start_s for span in self.spans), default=0.0)


def timeline(session: BootSession) -> Timeline:
    """The phases of a boot. `kernel` lasts until the install script is asked for, `system` until the node answers.

    Before them is `waiting`, if it had to wait for its turn.

    A failure ends everything that goes on; `pause` lasts from there to the next attempt.
    """
    opened = datetime.fromisoformat(session.opened)
    spans: list[Span] = []
    running: dict[str, float] = {}
    for event in session.events:
        at_s = (datetime.fromisoformat(event.time) - opened).total_seconds()
        if event.status == "started":
            running[event.phase] = at_s
            continue
        failed = event.status == "failed"
        start_s = running.pop(event.phase, max((span.end_s or 0.0 for span in spans), default=0.0))
        spans.append(Span(phase=_title(event, spans), start_s=start_s, end_s=at_s, failed=failed))
        if failed or event.phase == SCRIPT:
            spans += [Span(phase=phase, start_s=start_s, end_s=at_s) for phase, start_s in running.items()]
            running.clear()
    spans += [Span(phase=phase, start_s=start_s, end_s=None) for phase, start_s in running.items()]
    in_order = tuple(sorted(spans, key=lambda span: span.start_s))
    return Timeline(node=session.name, opened=opened, outcome=session.outcome, spans=in_order)


def _title(event: BootEvent, before: Sequence[Span]) -> str:
    if event.phase == SCRIPT:
        return PAUSE if any(span.phase != WAITING_PHASE for span in before) else FIRMWARE
    return SYSTEM if event.phase == UP else event.phase


def phase_rows(session: BootSession) -> list[dict[str, object]]:
    """Each phase of a boot: seconds from the boot's begin, and bytes and bytes per second where it moved the image."""
    spans = timeline(session).spans
    newest = {span.phase: span for span in spans}
    figures = session.progress
    moved = {
        "download": int(figures.get("peer_bytes") or 0) + int(figures.get("server_bytes") or 0),
        "unpack": int(figures.get("unpacked_bytes") or 0),
    }
    return [_phase_row(span, moved.get(span.phase) if newest[span.phase] is span else None) for span in spans]


def _phase_row(span: Span, moved_bytes: int | None) -> dict[str, object]:
    lasted_s = None if span.end_s is None else round(span.lasted_s(0), 1)
    return {
        "phase": span.phase,
        "start_s": round(span.start_s, 1),
        "lasted_s": lasted_s,
        "bytes": moved_bytes,
        "rate_bytes_s": round(moved_bytes / lasted_s) if moved_bytes and lasted_s else None,
        "failed": span.failed,
    }


def slow_phases(timelines: Sequence[Timeline]) -> list[str]:
    """Which nodes took much longer for a phase than most did, as sentences."""
    sentences = []
    ended = [span.phase for one in timelines for span in one.spans if span.end_s is not None]
    # The last in the line wait longest, and are none the slower for it.
    phases = dict.fromkeys(phase for phase in ended if phase != WAITING_PHASE)
    for phase in phases:
        lasted = {
            one.node: sum(span.lasted_s(0) for span in one.spans if span.phase == phase and span.end_s is not None)
            for one in timelines
        }
        usual = median(lasted.values())
        sentences += [
            f"{node}: {phase} took {seconds:.1f} s, most took {usual:.1f} s."
            for node, seconds in lasted.items()
            if seconds > SLOW * usual and seconds > usual + SLOW_S
        ]
    return sentences


def progress_row(session: BootSession, at: datetime | None = None) -> dict[str, object]:
    """One node's row of `luna boot watch`: node, phase, percent, rates in bytes per second, peers and seconds."""
    now = at or datetime.now(UTC)
    phase = current_phase(session)
    figures = transfer_figures(session)
    return {
        "node": session.name,
        "outcome": session.outcome,
        "phase": phase,
        "percent": figures.get("unpacked_percent" if phase == "unpack" else "percent"),
        "rate_bytes_s": figures.get("unpack_rate_bytes_s" if phase == "unpack" else "rate_bytes_s"),
        "peers": figures.get("peers"),
        "peer_bytes": session.progress.get("peer_bytes"),
        "server_bytes": session.progress.get("server_bytes"),
        "seconds": round((now - datetime.fromisoformat(session.opened)).total_seconds(), 1),
        "detail": _detail(session),
    }


def current_phase(session: BootSession) -> str:
    """What a boot does, or did last. Of two phases that overlap it is the one that began first."""
    last = session.events[-1] if session.events else None
    if last is None or (last.phase, last.status) == (WAITING_PHASE, "done"):
        return FIRMWARE
    return next(iter(_transfers(session)), last.phase)


def transfer_figures(session: BootSession) -> Mapping[str, Any]:
    """The newest figures of the transfer that goes on; they say nothing of an earlier one, nor of later phases."""
    began = next((one for one in reversed(session.events) if (one.phase, one.status) == ("download", "started")), None)
    current = began is not None and str(session.progress.get("time", "")) > began.time
    return session.progress if current and _transfers(session) else {}


def _transfers(session: BootSession) -> list[str]:
    """Those of the image's phases that go on."""
    return [span.phase for span in timeline(session).spans if span.end_s is None and span.phase in TRANSFERS]


def waterfall(timelines: Sequence[Timeline], width: int) -> list[str]:
    """The boots side by side as lines of text, each phase with a letter of its own; the last line explains them."""
    if not timelines:
        return []
    begin = min(one.opened for one in timelines)
    total_s = max((one.opened - begin).total_seconds() + one.total_s for one in timelines) or 1.0
    title = max(len(one.node) for one in timelines)
    room = max(20, width - title - 11 - max(len(one.outcome) for one in timelines))
    letters = _letters(span.phase for one in timelines for span in one.spans)
    lines = [f"{'':{title}} 0 s{'':{room - 9}}{total_s:6.1f} s"]
    for one in timelines:
        lines.append(
            f"{one.node:{title}} {_bar(one, begin, total_s, room, letters)} {one.total_s:6.1f} s {one.outcome}"
        )
    return [*lines, "  ".join(f"{letter} {phase}" for phase, letter in letters.items())]


def _bar(one: Timeline, begin: datetime, total_s: float, room: int, letters: dict[str, str]) -> str:
    cells = [" "] * room
    offset_s = (one.opened - begin).total_seconds()
    # Where phases overlap, the one that began first is seen.
    for span in sorted(one.spans, key=lambda span: -span.start_s):
        first = int((offset_s + span.start_s) / total_s * (room - 1))
        last = int((offset_s + (one.total_s if span.end_s is None else span.end_s)) / total_s * (room - 1))
        for cell in range(first, max(first, last) + 1):
            cells[cell] = "!" if span.failed else letters[span.phase]
    return "".join(cells)


def _letters(phases: Iterable[str]) -> dict[str, str]:
    letters: dict[str, str] = {}
    for phase in phases:
        if phase not in letters:
            candidates = (*phase, *phase.upper(), *"0123456789", "?")
            letters[phase] = next(one for one in candidates if one == "?" or one not in letters.values())
    return letters


def _detail(session: BootSession) -> str:
    last = session.events[-1] if session.events else None
    if session.loads_from and current_phase(session) == FIRMWARE:
        return f"from {session.loads_from}"
    if last and (last.phase, last.status) == (WAITING_PHASE, "started"):
        return f"after {last.log} others"
    if last is None or last.status != "failed":
        return ""
    return (last.log.strip().splitlines() or [f"exit status {last.exit_status}"])[-1]
