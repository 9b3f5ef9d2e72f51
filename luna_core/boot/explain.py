"""What became of one boot, in words: what it waits for, what it failed at and what to do about that."""

import signal
from datetime import datetime

from luna_core.boot.sessions import REFUSED_PHASE, WAITING_PHASE, silent
from luna_core.boot.trace import SERVICE, TRANSFERS, current_phase, transfer_figures
from luna_core.model.boot import BootEvent, BootSession

# A node that runs luna's initramfs says every 20 s that it is alive.
FROZEN_S = 90.0
LOADING_S = 300.0
COMING_UP_S = 600.0
SLOW_S = 900.0
LAST_LINES = 20
TIME_IS_UP = 124  # timeout(1)
SIGNALLED = 128

_SCRIPT = (
    "'luna node show {node} --script install' shows what it ran, and 'luna node show {node} --explain' where the "
    "script comes from. It takes a mended one by itself."
)
# Phases, what their logs hold, and what helps; the first that fits.
_ADVICE = (
    (
        TRANSFERS,
        "No space left on device",
        "The root is too small for the image: give it more with 'luna node change {node} --root-size', or its group, "
        "or the machine more memory.",
    ),
    (
        TRANSFERS,
        "has SHA-256",
        "What the controller offers is damaged: 'luna osimage version verify {image}' names the files, and "
        "'luna osimage pack {image}' repairs them.",
    ),
    (
        TRANSFERS,
        "status 404",
        "The controller no longer has what the node's install script names, as after 'luna osimage version delete'. "
        "The next attempt asks for the version in force. If it fails too, 'luna osimage version verify {image}' names "
        "what is missing, and 'luna osimage pack {image}' repairs it.",
    ),
    (
        ("download",),
        "",
        "Can the node reach the controller, and does 'luna serve' run? It needs the ports of the boot server and of "
        "the file server, and for the torrent those of the seeder and of the other nodes.",
    ),
    (
        ("partscript",),
        "Nothing was written",
        "'luna node disks {node}' shows the layout and where it comes from. The node takes a changed one by itself.",
    ),
    (("unpack",), "", "'ssh {address}' leads to the node, where dmesg tells of memory and disks that fail."),
    (
        ("install",),
        "",
        "The script ended outside of its phases; /run/luna/install.log on the node has all of its output.",
    ),
)


def explain(session: BootSession, at: datetime | None = None) -> str:
    """In words what a boot waits for, failed at, or ended with."""
    now = at or _now(session)
    image = f"{session.image} version {session.version}" if session.image else "from its own disk"
    what = f"{session.name} began to boot {image} at {session.opened}"
    if session.outcome == "up":
        return f"{what} and is up."
    if session.outcome == "abandoned":
        return f"{what}, but began again before it had finished."
    if session.outcome == "installed":
        return f"{what}; {_installed(session, now)}"
    failed = next((event for event in reversed(session.events) if event.status == "failed"), None)
    if session.outcome == "failed" and failed and failed.phase == REFUSED_PHASE:
        return f"{what}, and was refused: {failed.log} {_silence(session, now) or 'It asks again by itself.'}"
    if session.outcome == "failed" and failed:
        goes_on = (
            _silence(session, now) or f"It tries again by itself; 'ssh {session.address}' leads to its rescue system."
        )
        return f"{what} and {_failure(session, failed, now, goes_on)}"
    if not session.events or session.events[-1].phase == WAITING_PHASE:
        return f"{what} and {_before_installer(session, now)}"
    before = f"\nBefore, it {_failure(session, failed, now)}" if failed else ""
    return f"{what} and {_running(session, now)}{before}"


def is_silent(session: BootSession, at: datetime | None = None) -> bool:
    """Whether nothing was heard of an installation for longer than a node that lives keeps silent."""
    return session.outcome in ("booting", "failed") and _passed_s(session.touched, at or _now(session)) > FROZEN_S


def _installed(session: BootSession, now: datetime) -> str:
    since_s = _passed_s(session.events[-1].time if session.events else session.opened, now)
    installed = "it is installed and " if session.image else ""
    if since_s <= COMING_UP_S:
        return f"{installed}its own system is starting, but it does not answer on ssh yet."
    return (
        f"{installed}its own system was started {_duration(since_s)} ago, but does not answer at {session.address}. "
        "Its console tells whether the system, its network or its sshd doesn't come up; the setting boot.up_port says "
        "which port is asked."
    )


def _failure(session: BootSession, failed: BootEvent, now: datetime, goes_on: str = "") -> str:
    times = sum(event.status == "failed" for event in session.events)
    again = f", the last of {times} failures" if times > 1 else ""
    ago = _duration(_passed_s(failed.time, now))
    said = f"failed in {failed.phase} with {_status(failed.exit_status)} {ago} ago{again}."
    lines = failed.log.strip().splitlines()[-LAST_LINES:]
    tail = "\nIts log ends:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
    return f"{said} {goes_on}".rstrip() + f"{tail}\nWhat helps: {_advice(session, failed)}"


def _advice(session: BootSession, failed: BootEvent) -> str:
    fits = (text for phases, found, text in _ADVICE if failed.phase in phases and found in failed.log)
    return next(fits, _SCRIPT).format(node=session.name, image=session.image, address=session.address)


def _status(exit_status: int | None) -> str:
    meaning = ""
    if exit_status == TIME_IS_UP:
        meaning = " (its time was up, see setting boot.script_timeout_s)"
    elif exit_status == SIGNALLED + signal.SIGKILL:
        meaning = " (it was killed, as happens when memory runs out)"
    elif exit_status and exit_status - SIGNALLED in set(signal.Signals):
        meaning = f" (ended by {signal.Signals(exit_status - SIGNALLED).name})"
    return f"exit status {exit_status}{meaning}"


def _before_installer(session: BootSession, now: datetime) -> str:
    last = session.events[-1] if session.events else None
    if last and last.status == "started":
        return (
            f"has waited for {_duration(_passed_s(last.time, now))} for its turn to load kernel and initramfs; "
            f"{last.log} others were before it. The setting boot.wave says how many load at once."
        )
    source = f" from {session.loads_from}" if session.loads_from else ""
    return f"got kernel and initramfs{source}; {_loading(session.image, _passed_s(session.touched, now))}"


def _loading(image: str, silent_s: float) -> str:
    heard = f"nothing was heard of it for {_duration(silent_s)}."
    if silent_s <= LOADING_S:
        return heard
    return (
        f"{heard} Its console tells what it does: it may still load them, its kernel may have stopped, or the image "
        f"may lack the driver of its network card. 'luna osimage version verify {image}' tells whether both are sound."
    )


def _running(session: BootSession, now: datetime) -> str:
    phase = current_phase(session)
    last = session.events[-1]
    if phase == SERVICE:
        return (
            f"stays in service mode, with ssh. 'luna node change {session.name} --no-service' and then 'reboot' on the "
            f"node end that. {_silence(session, now)}".rstrip()
        )
    if phase in TRANSFERS:
        doing = f"is in {phase}{_transfer(session, phase)}"
    elif last.status == "started":
        doing = f"is in {phase} since {_duration(_passed_s(last.time, now))}"
    else:
        doing = f"finished {last.phase}"
    silence = _silence(session, now)
    if silence:
        return f"{doing}. {silence}"
    return f"{doing}; it was last heard of {_duration(_passed_s(session.touched, now))} ago."


def _transfer(session: BootSession, phase: str) -> str:
    figures = transfer_figures(session)
    if not figures:
        return ""
    unpacking = phase == "unpack"
    percent = float(figures.get("unpacked_percent" if unpacking else "percent") or 0)
    rate = float(figures.get("unpack_rate_bytes_s" if unpacking else "rate_bytes_s") or 0)
    received = float(figures.get("unpacked_bytes" if unpacking else "received_bytes") or 0)
    peers = "" if unpacking else f" from the controller and {figures.get('peers') or 0} peers"
    left_s = received / percent * (100 - percent) / rate if percent and rate else 0.0
    slow = f"; at this rate it takes {_duration(left_s)} more: are its link and the controller's sound?" * (
        left_s > SLOW_S
    )
    return f": {percent:g} % at {rate / 1e6:.1f} MB/s{peers}{slow}"


def _silence(session: BootSession, now: datetime) -> str:
    if not is_silent(session, now):
        return ""
    return (
        f"Nothing was heard of it for {_duration(_passed_s(session.touched, now))}: it is switched off, frozen, or "
        "cut off from the controller."
    )


def _now(session: BootSession) -> datetime:
    """By the clock that last heard of the node, which may have been set since."""
    return datetime.fromisoformat(session.touched) + silent(session)


def _passed_s(time: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(time)).total_seconds()


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 180
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )
