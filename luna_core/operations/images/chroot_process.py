"""Luna's side of a visit to a tree: start process 1, leave the terminal to the command, pass on what it ended with."""

import json
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from luna_core.chroot.plan import Plan
from luna_core.errors import CommandFailed

# No signal at luna's death, which a set-user-ID program would lose: process 1 sees the end of its socket. And unshare
# has the lock, and outlives all that it started.
_NAMESPACES = (
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *(sys.executable, "-P", "-m", "luna_core.chroot"),
)
_RELAYED = (signal.SIGTERM, signal.SIGHUP)
_THE_TERMINALS = (signal.SIGINT, signal.SIGQUIT)


def has_terminal() -> bool:
    """Whether luna is in the foreground of the terminal that is its standard input."""
    return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()


def attend(plan: Plan, lock: int | None) -> int:
    """Run the plan's command and return its exit status. Raises CommandFailed if it could not be started."""
    ours, its = socket.socketpair()
    descriptors = [its.fileno(), *([] if lock is None else [lock])]
    with ours, _terminal(), _signals(ours):
        with its:
            process = subprocess.Popen(  # noqa: S603 - the words are luna's own
                [*_NAMESPACES, *map(str, descriptors)], pass_fds=descriptors, env={"PATH": os.environ["PATH"]}
            )
            # Should unshare have failed, it has said why, and its status tells.
            with suppress(BrokenPipeError):
                ours.sendall(plan.dump())
        status = process.wait()
        said = b"".join(iter(lambda: ours.recv(4096), b""))
    if said:
        failure = json.loads(said)
        error = CommandFailed(failure["error"])
        error.exit_status = failure["status"]
        raise error
    return status if status >= 0 else 128 - status


@contextmanager
def _signals(control: socket.socket) -> Iterator[None]:
    """Ctrl-C reaches the command by itself, and is not for luna; what is sent to luna is sent on."""

    def relay(number: int, frame: object) -> None:
        with suppress(OSError):
            control.send(bytes([number]))

    before = {number: signal.signal(number, relay) for number in _RELAYED}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _THE_TERMINALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _terminal() -> Iterator[None]:
    """Give the terminal back as it was: a shell takes it for its jobs, and can't return it out of its namespace."""
    if not has_terminal():
        yield
        return
    settings = termios.tcgetattr(0)
    try:
        yield
    finally:
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with suppress(OSError, termios.error):
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
        signal.signal(signal.SIGTTOU, before)
