"""The service that asks all switches again and again, and keeps what they say in the state directory."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from luna_core.errors import LunaError
from luna_core.operations import Luna, connect
from luna_core.operations.history import last_number
from luna_core.types import Switch
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.cabling import read_cabling
from luna_discovery_switchport.poll import read_switch
from luna_discovery_switchport.snapshot import Folder, Snapshot

_TICK_S = 1.0
# Machines that wait ask again and again; switch and controller have better things to do than to talk of MACs.
_SHORTEST_PAUSE_S = 5.0
_PAUSE_TO_POLL = 4
_LONGEST_BACK_OFF = 8


@dataclass
class Watched:
    """A switch, what it last said, and when to ask it again, by a clock that nobody sets."""

    switch: Switch
    snapshot: Snapshot
    started_s: float = 0.0
    next_s: float = 0.0
    asked_at: float = 0.0
    pause_s: float = 0.0
    agent: Agent | None = None
    task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Give up what is being asked, and close the socket."""
        if self.task:
            self.task.cancel()
        if self.agent:
            self.agent.close()


@dataclass
class Poller:
    """Asks each switch by itself, so that one that is silent delays no other."""

    luna: Luna
    interval_s: float = 60.0
    watched: dict[str, Watched] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = Folder(self.luna.settings.services_directory)
        self._number = -1

    async def run(self, stopped: asyncio.Event) -> None:
        """Poll until `stopped`."""
        self._folder.create()
        self._folder.wanted.touch()
        while not stopped.is_set():
            await self._follow_store()
            self.start_due(time.monotonic())
            try:
                await asyncio.wait_for(stopped.wait(), _TICK_S)
            except TimeoutError:
                continue
        for one in self.watched.values():
            one.stop()

    def start_due(self, now_s: float) -> None:
        """Begin to ask each switch whose time has come, or for whose answer a machine waits."""
        asked_at = self._folder.asked_at()
        for one in self.watched.values():
            if one.task and not one.task.done():
                continue
            pause = max(_SHORTEST_PAUSE_S * min(one.snapshot.failures + 1, _LONGEST_BACK_OFF), one.pause_s)
            wanted = asked_at != one.asked_at and now_s - one.started_s >= pause
            if wanted or now_s >= one.next_s:
                one.started_s, one.asked_at = now_s, asked_at
                one.task = asyncio.create_task(self._poll(one))

    async def _poll(self, one: Watched) -> None:
        try:
            one.agent = one.agent or Agent(one.switch)
            snapshot = await read_switch(one.agent, one.snapshot)
        except LunaError as error:
            snapshot = one.snapshot.failed(str(error))
        except Exception as error:  # whatever a switch sends must not end the others' poller
            snapshot = one.snapshot.failed(f"switch {one.switch.name}: its answer is not understood: {error!r}.")
        if snapshot.error != one.snapshot.error:
            print(snapshot.error or f"switch {one.switch.name}: it answers", flush=True)
        one.snapshot, one.pause_s = snapshot, _PAUSE_TO_POLL * (time.monotonic() - one.started_s)
        one.next_s = one.started_s + self.interval_s * min(2 ** max(0, snapshot.failures - 1), _LONGEST_BACK_OFF)
        try:
            self._folder.write(snapshot)
        except OSError as error:
            print(f"switch {one.switch.name}: what it said can't be kept: {error}", flush=True)

    async def _follow_store(self) -> None:
        try:
            number = await asyncio.to_thread(self.luna.look, last_number)
            if number == self._number:
                return
            switches, cabling = await asyncio.to_thread(read_cabling, self.luna)
        except LunaError as error:
            print(error, flush=True)
            return
        self._number = number
        self._folder.write_cabling(cabling)
        self._folder.forget(one.name for one in switches)
        self._watch(switches)

    def _watch(self, switches: Sequence[Switch]) -> None:
        kept = {one.name: one for one in switches}
        for name in self.watched.keys() - kept.keys():
            self.watched.pop(name).stop()
        for name, switch in kept.items():
            before = self.watched.get(name)
            if before is None:
                self.watched[name] = Watched(switch, self._folder.read(name) or Snapshot(switch=name))
            elif before.switch != switch:
                before.stop()
                self.watched[name] = Watched(switch, Snapshot(switch=name))


def main(arguments: Sequence[str] | None = None) -> int:
    """Poll until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="luna-switch-poller", description="Ask switches where machines are.")
    parser.add_argument("--interval-s", type=float, default=60.0, help="seconds between two polls of a switch (60)")
    given = parser.parse_args(arguments)
    with connect() as luna:
        asyncio.run(_until_stopped(Poller(luna, max(1.0, given.interval_s))))
    return 0


async def _until_stopped(poller: Poller) -> None:
    stopped = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    await poller.run(stopped)


if __name__ == "__main__":
    sys.exit(main())
