"""What became of boots: how far each node is, how long each phase took, and which nodes were slow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from luna_core.model.boot import BootEvent, BootSession

FIRMWARE = "kernel"
SYSTEM = "system"
SERVICE = "service"
SLOW = 1.5
SLOW_S = 5.0
LAST_LINES = 20


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
    """The phases of a boot. `kernel` lasts until the install script is asked for, `system` until the node answers."""
    opened = datetime.fromisoformat(session.opened)
    spans: list[Span] = []
    running: dict[str, float] = {}
    for event in session.events:
        at_s = (datetime.fromisoformat(event.time) - opened).total_seconds()
        if event.status == "started":
            running[event.phase] = at_s
            continue
        start_s = running.pop(event.phase, _start_of(event, spans))
        phase = {"script": FIRMWARE, "up": SYSTEM}.get(event.phase, event.phase)
        spans.append(Span(phase=phase, start_s=start_s, end_s=at_s, failed=event.status == "failed"))
    spans += [Span(phase=phase, start_s=start_s, end_s=None) for phase, start_s in running.items()]
    return Timeline(node=session.name, opened=opened, outcome=session.outcome, spans=tuple(spans))


def slow_phases(timelines: Sequence[Timeline]) -> list[str]:
    """Which nodes took much longer for a phase than most did, as sentences."""
    sentences = []
    phases = dict.fromkeys(span.phase for one in timelines for span in one.spans if span.end_s is not None)
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
    last = session.events[-1] if session.events else None
    # Figures of a transfer say nothing of the phases after it.
    figures = session.progress if not last or str(session.progress.get("time", "")) > last.time else {}
    return {
        "node": session.name,
        "outcome": session.outcome,
        "phase": str(figures.get("phase") or (last.phase if last else FIRMWARE)),
        "percent": figures.get("percent"),
        "rate_bytes_s": figures.get("rate_bytes_s"),
        "peers": figures.get("peers"),
        "peer_bytes": session.progress.get("peer_bytes"),
        "server_bytes": session.progress.get("server_bytes"),
        "seconds": round((now - datetime.fromisoformat(session.opened)).total_seconds(), 1),
        "detail": _detail(last),
    }


def explain(session: BootSession, at: datetime | None = None) -> str:
    """In words what a boot waits for, failed at, or ended with."""
    now = at or datetime.now(UTC)
    silent_s = (now - datetime.fromisoformat(session.touched)).total_seconds()
    image = f"{session.image} version {session.version}" if session.image else "from its own disk"
    what = f"{session.name} began to boot {image} at {session.opened}"
    failed = next((event for event in reversed(session.events) if event.status == "failed"), None)
    if session.outcome == "up":
        return f"{what} and is up."
    if session.outcome == "installed":
        installed = "it is installed and " if session.image else ""
        return f"{what}; {installed}its own system is starting, but it does not answer on ssh yet."
    if session.outcome == "abandoned":
        return f"{what}, but began again before it had finished."
    if session.outcome == "failed" and failed:
        status = f"exit status {failed.exit_status}"
        return f"{what} and failed in {failed.phase} with {status}. It tries again by itself.{_tail(failed)}"
    if not session.events:
        return f"{what} and got kernel and initramfs; nothing was heard of it for {silent_s:.0f} s."
    last = session.events[-1]
    if last.phase == SERVICE:
        return (
            f"{what} and stays in service mode, with ssh. 'luna node change {session.name} --no-service' and then "
            "'reboot' on the node end that."
        )
    doing = f"is in {last.phase}" if last.status == "started" else f"finished {last.phase}"
    return f"{what} and {doing}; it was last heard of {silent_s:.0f} s ago."


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
    for span in one.spans:
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


def _start_of(event: BootEvent, spans: Sequence[Span]) -> float:
    """A phase that is only reported when it is over began when the one before it ended."""
    return (spans[-1].end_s or 0.0) if spans and event.phase in ("up",) else 0.0


def _detail(last: BootEvent | None) -> str:
    if last is None or last.status != "failed":
        return ""
    return (last.log.strip().splitlines() or [f"exit status {last.exit_status}"])[-1]


def _tail(failed: BootEvent) -> str:
    lines = failed.log.strip().splitlines()[-LAST_LINES:]
    return "\nIts log ends:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
