"""Hundreds of nodes at once: each with its own network and link, the controller real, no machine emulated."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any

from luna_core.errors import BadInput, LunaError
from luna_core.run import run
from luna_core.testing.image import Sizes
from luna_lab import state
from luna_lab.lab import CONTROLLER
from luna_lab.storm_controller import environment_of, prepare, serving
from luna_lab.storm_network import (
    hold_controller,
    make_racks,
    make_room_for_neighbours,
    plug_in,
    sent_bytes,
    shape,
)

MOST_NODES = 4096
PROGRAMS = ("ip", "tc", "dnsmasq", "nginx", "setpriv", "taskset")
_NODES_OF_A_WORKER = 64
_WATCH_S = 0.5
_SHOW_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True)
class StormPlan:
    """What storms. Rates in Mbit/s hold for each direction of a link; `racks` 0 is one switch for all."""

    nodes: int
    mbit: float | None = 2.0
    controller_mbit: float | None = 20.0
    transport: str = "torrent"
    racks: int = 0
    uplink_mbit: float | None = None
    relays: bool = False
    wave: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=Sizes)
    timeout_s: float = 3600.0
    name: str | None = None


@dataclass(kw_only=True)
class StormResult:
    """When each node had each step, in seconds since all were switched on, and what it cost."""

    steps: dict[str, dict[int, float]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    peer_bytes: int = 0
    server_bytes: int = 0
    controller_bytes: int = 0
    uplink_bytes: int = 0
    relayed_bytes: int = 0
    nodes_cpu_s: float = 0.0
    controller_cpu_s: float = 0.0
    took_s: float = 0.0

    def finished(self) -> int:
        """How many nodes have had everything."""
        return len(self.steps.get("finished", {}))


class Storm:
    """A lab of many light nodes; a context manager, which makes it and removes every trace of it."""

    def __init__(self, plan: StormPlan, told: Callable[[str], object] = lambda text: None) -> None:
        if not 1 <= plan.nodes <= MOST_NODES:
            raise BadInput(f"storm: {plan.nodes} nodes were asked for; accepted are 1 to {MOST_NODES}.")
        self.plan = plan
        self._told = told
        self._events: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._workers: list[subprocess.Popen[bytes]] = []
        self._numbers = range(1, plan.nodes + 1)

    def __enter__(self) -> "Storm":
        if os.geteuid():
            raise LunaError("A storm needs root, for network namespaces.")
        if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
            raise LunaError(f"A storm needs {', '.join(missing)}: not found on PATH.")
        state.sweep()
        self._state = state.claim(self.plan.name or f"storm-{os.getpid()}", {})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        state.remove(self._state)

    def run(self) -> StormResult:
        """Switch all nodes on at once, and return when each has finished or failed, or time is up. Raises LunaError."""
        plan, namespace, directory = self.plan, self._state.namespace, self._state.directory
        settings = {"boot.relays": "yes" if plan.relays else "no", **plan.settings}
        if plan.wave is not None:
            settings["boot.wave"] = str(plan.wave)
        self._told(f"lab {self._state.name}: making a cluster of {plan.nodes} nodes")
        controller = directory / "controller"
        modules = prepare(controller, plan.nodes, plan.racks, plan.sizes, plan.transport, settings)
        namespace.create([str(CONTROLLER)], 0, None, None)
        make_racks(namespace, plan.racks, plan.uplink_mbit)
        make_room_for_neighbours(plan.nodes)
        self._start_workers(modules)
        plug_in(namespace, self._numbers, plan.racks, plan.mbit)
        hold_controller(namespace, plan.controller_mbit)
        with serving(namespace, directory, environment_of(controller, plan.transport)):
            return self._storm()

    def _start_workers(self, modules: Path) -> None:
        path = os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path}
        for first in range(0, self.plan.nodes, _NODES_OF_A_WORKER):
            numbers = self._numbers[first : first + _NODES_OF_A_WORKER]
            self._workers.append(self._worker(list(numbers), environment))
        ready = 0
        while ready < self.plan.nodes:
            event = self._next_event()
            if "failed" in event:
                raise LunaError(f"node {event['node']} has no network: {event['failed']}")
            ready += event.get("networks", 0)
        self._told(f"{self.plan.nodes} networks in {len(self._workers)} processes are there")

    def _worker(self, numbers: Sequence[int], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        plan = {
            "numbers": numbers,
            "namespace": self._state.namespace.name,
            "shape": shape(self.plan.mbit),
            "directory": str(self._state.directory / "nodes"),
        }
        # Where its threads wake each other on another processor, that costs more than what they do (decision 0029).
        processors = sorted(os.sched_getaffinity(0))
        own = processors[len(self._workers) % len(processors)]
        command = ["taskset", "--cpu-list", str(own), "setpriv", "--pdeathsig", "KILL"]
        command += [sys.executable, "-m", "luna_lab.storm_worker"]
        with (self._state.directory / f"worker{numbers[0]}.log").open("wb") as log:
            worker = subprocess.Popen(  # noqa: S603 - a list, so no shell reads it
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        Thread(target=self._read, args=(worker, numbers), daemon=True).start()
        _write(worker, json.dumps(plan))
        return worker

    def _read(self, worker: "subprocess.Popen[bytes]", numbers: Sequence[int]) -> None:
        for line in worker.stdout or ():
            self._events.put(json.loads(line))
        for number in numbers:
            self._events.put({"node": number, "failed": "its process has ended"})

    def _next_event(self) -> dict[str, Any]:
        try:
            return self._events.get(timeout=self.plan.timeout_s)
        except Empty:
            raise LunaError(f"No node said anything for {self.plan.timeout_s:g} s.") from None

    def _storm(self) -> StormResult:
        namespace, result = self._state.namespace, StormResult()
        self._told("all nodes are switched on")
        before, spent_before = (sent_bytes(namespace), self._uplink_bytes()), self._spent_s()
        begin_s = time.monotonic()
        for worker in self._workers:
            _write(worker, "go")
        shown_s = 0.0
        while result.finished() + len(result.failed) < self.plan.nodes:
            with suppress(Empty):
                _count(result, self._events.get(timeout=_WATCH_S), begin_s)
            if (now_s := time.monotonic() - begin_s) > self.plan.timeout_s:
                break
            if now_s - shown_s >= _SHOW_EVERY_S:
                shown_s = now_s
                self._show(result, now_s)
        result.took_s = time.monotonic() - begin_s
        result.controller_bytes = sent_bytes(namespace) - before[0]
        result.uplink_bytes = self._uplink_bytes() - before[1]
        spent = self._spent_s()
        result.nodes_cpu_s, result.controller_cpu_s = spent[0] - spent_before[0], spent[1] - spent_before[1]
        for number in set(self._numbers) - set(result.steps.get("finished", {})):
            result.failed.setdefault(number, "it was not finished in time")
        return result

    def _uplink_bytes(self) -> int:
        """What has come into the racks from outside of them."""
        return sum(sent_bytes(self._state.namespace, f"down{rack}") for rack in range(self.plan.racks))

    def _spent_s(self) -> tuple[float, float]:
        """Processor time of all nodes, and of the controller, up to now."""
        controller = run(["ip", "netns", "pids", self._state.namespace.name]).split()
        return cpu_s([worker.pid for worker in self._workers]), cpu_s(map(int, controller))

    def _show(self, result: StormResult, now_s: float) -> None:
        counts = ", ".join(f"{len(nodes)} {step}" for step, nodes in result.steps.items())
        self._told(f"{now_s:6.0f} s: {counts}")


def _count(result: StormResult, event: dict[str, Any], begin_s: float) -> None:
    node = event.get("node", 0)
    if "step" in event:
        # For the first time: a node that has waited for its turn asks for its entry script again.
        result.steps.setdefault(event["step"], {}).setdefault(node, event["at_s"] - begin_s)
    elif "failed" in event:
        if node not in result.steps.get("finished", {}):
            result.failed.setdefault(node, event["failed"])
    elif "trouble" in event:
        result.troubles.append(f"{event['at_s'] - begin_s:.1f} s node{node:04}: {event['trouble']}")
    result.peer_bytes += event.get("peer_bytes", 0)
    result.server_bytes += event.get("server_bytes", 0)
    result.relayed_bytes += event.get("relayed_bytes", 0)


def cpu_s(processes: Iterable[int]) -> float:
    """What these have used of the processors, in seconds, without those they have started (proc(5), stat)."""
    ticks = 0
    for process in processes:
        with suppress(OSError):
            # The command's name in parentheses may hold spaces.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _write(worker: "subprocess.Popen[bytes]", line: str) -> None:
    assert worker.stdin  # noqa: S101 - tells the type checker what PIPE means
    worker.stdin.write(f"{line}\n".encode())
    worker.stdin.flush()
