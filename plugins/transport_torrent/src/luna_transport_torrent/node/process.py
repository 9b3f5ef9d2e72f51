"""The peer's process as its fetcher sees it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, Final, cast

_PYTHON: Final = "/usr/bin/luna-python"
_MODULE: Final = "luna_transport_torrent.node.peer"
_STOP_S: Final = 5.0
_TICK_S: Final = 0.1
PID_FILE: Final = "seeder.pid"


class PeerProcess:
    """Started at once, in a session of its own, to wait for `begin`. `events` gets what it tells, None at its end."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "seeder.log"
        self.events: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._pid_file = directory / PID_FILE
        command = [_PYTHON if os.path.exists(_PYTHON) else sys.executable, "-m", _MODULE]
        with self.log.open("w") as log:
            # It may outlive the install script, and must not hold its pipes open.
            self._process = subprocess.Popen(  # noqa: S603 - no part of this is given from outside
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        self._stdin = cast(IO[str], self._process.stdin)
        self._pid_file.write_text(f"{self._process.pid}\n")
        Thread(target=self._read, args=(cast(IO[str], self._process.stdout),), daemon=True).start()

    def begin(self, request: Mapping[str, object]) -> None:
        """Let it fetch what a `luna_transport_torrent.node.session.Request` says."""
        self._write(json.dumps(request))

    def stay(self) -> None:
        """Let it seed on without this process; its id is in `seeder.pid`."""
        self._write("stay")
        self._stdin.close()

    def stop(self) -> None:
        """End it."""
        with suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        # One that died already is noticed by the end of its output.
        with suppress(BrokenPipeError):
            self._stdin.write(f"{line}\n")
            self._stdin.flush()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self.events.put(json.loads(line))
        self.events.put(None)


def stop_earlier_peer(directory: Path) -> None:
    """End the peer of a client that was killed, or that is run again: it has the port."""
    try:
        pid = int((directory / PID_FILE).read_text())
        command = Path(f"/proc/{pid}/cmdline")
        deadline_s = time.monotonic() + _STOP_S
        while _MODULE.encode() in command.read_bytes():
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline_s else signal.SIGKILL)
            time.sleep(_TICK_S)
    except (OSError, ValueError):
        return
