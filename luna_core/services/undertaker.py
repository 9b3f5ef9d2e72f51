"""Stops what a supervisor left running when it was killed without a chance to do so itself.

A signal at the parent's death (prctl(2)) would not do: the kernel forgets it when a daemon gives root up, and most
daemons here do. So a process of its own reads on its standard input which process groups there are; the end of that
input is the end of the supervisor, whatever ended it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

GRACE_S = 10.0
_POLL_S = 0.05


class Undertaker:
    """Start it before the first child, and close it after the last."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the command is this very module
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, bufsize=0, start_new_session=True
        )

    def register(self, group: int) -> None:
        """Watch over a process group."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """A process group has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the process; it stops what is still registered."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # Without it the services still run; only a killed supervisor would leave them behind.
        with suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.write(line.encode())


def bury(groups: Iterable[int], grace_s: float = GRACE_S) -> None:
    """Send SIGTERM to process groups, and after `grace_s` SIGKILL to those that are left."""
    left = {group for group in groups if _send(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = {group for group in left if _send(group, 0)}
    for group in left:
        _send(group, signal.SIGKILL)


def main() -> None:
    """Read registrations until the supervisor is gone."""
    # A signal to the whole service, as systemd's or the terminal's, is the supervisor's to answer.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        groups = groups | {group} if line.startswith("+") else groups - {group}
    bury(groups)


def _send(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
