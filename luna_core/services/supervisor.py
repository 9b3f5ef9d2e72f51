"""Keeps a set of services running, and tells who asks what each of them does."""

import asyncio
import json
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from luna_core.services.child import Child, Patience
from luna_core.services.undertaker import Undertaker
from luna_core.types import Service


class Supervisor:
    """Runs services, each with its name before every line that it prints to standard error.

    `status_file` is replaced whenever something changes: JSON with this process's `pid`, the `problems` of the last
    configuration, and a record for each of the `services`.
    """

    def __init__(self, status_file: Path, *, patience: Patience | None = None) -> None:
        self._status_file = status_file
        self._patience = patience or Patience()
        self._running: dict[str, tuple[Child, asyncio.Task[None]]] = {}
        self._problems: tuple[str, ...] = ()
        self._undertaker = Undertaker()
        # The last one's would be taken for this one's.
        self._write_status()

    async def apply(self, services: Sequence[Service], reloaded: Collection[str], problems: Sequence[str]) -> None:
        """Make these the services that run: start new ones, stop those that are gone, restart those that differ.

        Of the others, those named in `reloaded` read their configuration again. `problems` go into the status.
        """
        self._problems = tuple(problems)
        wanted = {service.name: service for service in services}
        old = [name for name, (child, _) in self._running.items() if wanted.get(name) != child.service]
        same = [name for name in reloaded if name in self._running and name not in old]
        old += [name for name in same if not self._running[name][0].reload()]
        await self._stop(old)
        for name, service in wanted.items():
            if name not in self._running:
                self._start(service)
        self._write_status()

    async def stop(self) -> None:
        """Stop every service, all at once; returns when none is left."""
        await self._stop(list(self._running))
        await asyncio.to_thread(self._undertaker.close)
        self._write_status()

    def _start(self, service: Service) -> None:
        def log(line: str) -> None:
            say(f"{service.name}: {line}")

        child = Child(service, self._patience, self._undertaker, log, self._write_status)
        self._running[service.name] = (child, asyncio.create_task(child.run()))

    async def _stop(self, names: Sequence[str]) -> None:
        tasks = [self._running[name][1] for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in names:
            del self._running[name]

    def _write_status(self) -> None:
        services = [child.status for child, _ in self._running.values()]
        status = {"pid": os.getpid(), "problems": self._problems, "services": services}
        fresh = self._status_file.with_name(f".{self._status_file.name}")
        # A full disk must not stop what runs; the status is then an old one.
        with suppress(OSError):
            fresh.write_text(json.dumps(status, indent=2) + "\n")
            fresh.replace(self._status_file)


def say(line: str) -> None:
    """Print a line for the log; a log that went away stops nothing."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
