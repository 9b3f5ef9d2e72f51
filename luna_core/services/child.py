"""One service as a child process: started, its output labelled, restarted with growing pauses, stopped whole."""

import asyncio
import os
import pwd
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from luna_core.services.undertaker import Undertaker
from luna_core.services.user import identity
from luna_core.types import Service

_LAST_WORDS_S = 1.0
_LONGEST_LINE = 2**20

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How a service is restarted: after `first_s`, doubled up to `longest_s`, from the start again after `healthy_s`.

    `stop_s` is how long it may take to end after SIGTERM before SIGKILL.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    healthy_s: float = 60.0
    stop_s: float = 10.0


class Child:
    """Keeps one service running. `say` is given each line of its output, `changed` is called when its state changes."""

    def __init__(
        self, service: Service, patience: Patience, undertaker: Undertaker, say: Say, changed: Callable[[], None]
    ) -> None:
        self.service = service
        self._undertaker = undertaker
        self._patience = patience
        self._say = say
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._state = "starting"
        self._since = datetime.now(UTC)
        self._restarts = 0
        self._last_exit = ""

    @property
    def status(self) -> Mapping[str, object]:
        """Name, pid (None while it isn't running), state, restarts, since when (ISO 8601, UTC) and the last exit."""
        return {
            "name": self.service.name,
            "pid": self._process.pid if self._process else None,
            "state": self._state,
            "restarts": self._restarts,
            "since": self._since.isoformat(timespec="seconds"),
            "last_exit": self._last_exit,
        }

    async def run(self) -> None:
        """Keep the service running until cancelled; none of its processes is left then."""
        clock = asyncio.get_running_loop().time
        pause_s = self._patience.first_s
        while True:
            began = clock()
            await self._run_once()
            if clock() - began >= self._patience.healthy_s:
                pause_s = self._patience.first_s
            self._enter("waiting")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._patience.longest_s)
            self._restarts += 1

    def reload(self) -> bool:
        """Send the reload signal; False if the service has none, so that it must be restarted."""
        if self.service.reload_signal is None:
            return False
        if self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(self.service.reload_signal)
        return True

    async def _run_once(self) -> None:
        try:
            process, output = await _start(self.service)
        except (OSError, KeyError, ValueError) as error:
            self._exited(f"it can't be started: {error}")
            return
        self._process = process
        self._undertaker.register(process.pid)
        self._enter("running")
        reading = asyncio.create_task(self._read(output))
        try:
            await process.wait()
        finally:
            await self._end(process)
            await asyncio.wait([reading], timeout=_LAST_WORDS_S)
            reading.cancel()
            self._process = None
            self._exited(_in_words(process.returncode))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        _signal_group(process, signal.SIGTERM)
        # wait_for of Python 3.11 loses a cancellation that comes as the process ends, and luna would run for ever;
        # timeout of 3.11.2, Debian 12's, takes its own for one where luna is stopping (python/cpython#102780).
        ended = asyncio.ensure_future(process.wait())
        try:
            if not (await asyncio.wait([ended], timeout=self._patience.stop_s))[0]:
                self._say(f"did not stop within {self._patience.stop_s:g} s")
        finally:
            _signal_group(process, signal.SIGKILL)
            self._undertaker.forget(process.pid)
        await ended

    async def _read(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:
                self._say(f"wrote a line of more than {_LONGEST_LINE} bytes")
                continue
            if not line:
                return
            self._say(line.decode(errors="replace").rstrip())

    def _enter(self, state: str) -> None:
        self._state = state
        self._since = datetime.now(UTC)
        self._changed()

    def _exited(self, how: str) -> None:
        self._last_exit = how
        self._say(how)


async def _start(service: Service) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
    reading, writing = os.pipe()
    output = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading, "rb")
    )
    try:
        # A pipe made by asyncio would keep wait() from returning while a grandchild holds it.
        process = await asyncio.create_subprocess_exec(
            *service.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            env=_environment(service),
            start_new_session=True,
            **_credentials(service.user),
        )
    finally:
        os.close(writing)
    return process, output


def _environment(service: Service) -> Mapping[str, str]:
    # Whether luna is ready is not for a service to tell.
    inherited = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**inherited, **(identity(service.user) if service.user else {}), **service.environment}


def _credentials(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    if os.geteuid() == entry.pw_uid:
        return {}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def _signal_group(process: asyncio.subprocess.Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _in_words(status: int | None) -> str:
    if status is None or status >= 0:
        return f"it exited with status {status}"
    return f"it was killed by {signal.Signals(-status).name}"
