"""`luna-python -m luna_core.node.messenger URL SESSION REPORTS`: all that the node tells the boot server by itself.

It sends what luna_report of luna-lib.sh leaves in the directory REPORTS, in the order of the files' names, until it is
taken or refused, and says every 20 seconds that the node lives. One process for the whole boot: starting Python for
each report would cost an emulated machine, or a slow one, half a second.

A report is lines of NAME=VALUE, the form's fields; behind `log=`, the last, comes the log as it is.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from luna_core.node.http import Connection, HttpError

# Looking costs some microseconds, and needs nothing of those who report.
_LOOK_S: Final = 0.2
_AGAIN_S: Final = 2.0
_ALIVE_S: Final = 20.0
_TIMEOUT_S: Final = 20.0
# Too slow, too many, and another server at this address (RFC 9110, section 15.5; RFC 6585): later it may be taken.
_LATER: Final = (404, 408, 429)
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class Messenger:
    """Tells the boot server at `url`, in the session of this token, what is in `reports`; never raises HttpError."""

    def __init__(self, url: str, token: str, reports: Path) -> None:
        self._url, self._reports = f"{url}/boot/", reports
        self._headers = {"Authorization": f"Bearer {token}"}
        self._reason = ""

    def run(self) -> None:
        """Go on until the process is ended."""
        again_s = 0.0
        alive_s = time.monotonic() + _ALIVE_S
        while True:
            if time.monotonic() >= again_s and (waiting := self._waiting()):
                taken = self._try(lambda connection: self._send(connection, waiting))
                again_s = 0.0 if taken else time.monotonic() + _AGAIN_S
            if time.monotonic() >= alive_s:
                self._try(lambda connection: connection.post("progress", {}, self._headers))
                alive_s = time.monotonic() + _ALIVE_S
            time.sleep(_LOOK_S)

    def _waiting(self) -> Sequence[Path]:
        """The reports that are complete, in their order."""
        return sorted(path for path in self._reports.glob("*") if path.suffix != ".new" and path.is_file())

    def _try(self, tell: Callable[[Connection], None]) -> bool:
        # A connection of its own each time: the boot server has more nodes than threads.
        connection = Connection(self._url, timeout_s=_TIMEOUT_S)
        reason = ""
        try:
            tell(connection)
        except HttpError as error:
            reason = str(error)
        finally:
            connection.close()
        if reason != self._reason:
            print(reason or "the boot server answers", flush=True)
        self._reason = reason
        return not reason

    def _send(self, connection: Connection, waiting: Sequence[Path]) -> None:
        for path in waiting:
            form = {**read_report(path.read_bytes()), b"sent_uptime_s": _uptime_s()}
            answer = connection.ask("POST", "status", urlencode(form).encode(), {**_FORM, **self._headers})
            if answer.status >= 500 or answer.status in _LATER:
                raise HttpError(f"{self._url}status: status {answer.status}.")
            # What is refused is dropped too: nobody asks for the reports of a boot that is over.
            path.unlink()


def read_report(report: bytes) -> dict[bytes, bytes]:
    """The form's fields of a report; what is none is left out."""
    lines, has_log, log = report.partition(b"\nlog=")
    found = (line.partition(b"=") for line in lines.splitlines())
    fields = {name: value for name, equals, value in found if equals}
    return {**fields, b"log": log} if has_log else fields


def _uptime_s() -> bytes:
    return Path("/proc/uptime").read_bytes().split()[0]


def main(arguments: Sequence[str]) -> None:
    """Do what the command line says, for ever."""
    url, session, reports = arguments
    Messenger(url, Path(session).read_text().strip(), Path(reports)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
