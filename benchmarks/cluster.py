"""A controller and its nodes for benchmarks of delivery: namespaces, real services, and what a delivery costs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ground import CORES, memory_directory

from luna_core.hooks import Hooks
from luna_core.plugins import PluginRecord, Plugins
from luna_core.run import run
from luna_core.settings import MachineSettings
from luna_core.testing.delivery import Delivery, wait_until
from luna_core.testing.switch import CONTROLLER, Switch
from luna_core.types import ImageVersion, SettingValue

PLUGINS = ("luna_transport_torrent.plugin", "luna_transport_http.plugin")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_POLL_S = 0.05
_LAST_CHARACTERS = 2000
_SAMPLE_S = 0.5
# A twentieth is what the kernel's clock ticks can't tell from all.
_FULL_SHARE = 0.95
_TOO_LONG_S = 900.0


@dataclass
class Result:
    """Seconds until the last node had received and unpacked all; what the controller sent; what it took.

    `full_s` are the seconds in which no processor was idle.
    """

    received_s: float = 0.0
    unpacked_s: float = 0.0
    sent_bytes: int = 0
    node_cpu_s: float = 0.0
    controller_cpu_s: float = 0.0
    memory_bytes: int = 0
    busy_share: float = 0.0
    full_s: float = 0.0
    ended: dict[int, float] = field(default_factory=dict)

    @property
    def own_share(self) -> float:
        """The share of this machine's processors that nodes and controller took."""
        return (self.node_cpu_s + self.controller_cpu_s) / (CORES * max(self.unpacked_s, 0.001))

    @property
    def full_share(self) -> float:
        """The share of the time in which no processor of this machine was idle."""
        return min(1.0, self.full_s / max(self.unpacked_s, 0.001))


@contextmanager
def cluster(switch: Switch, settings: Mapping[str, SettingValue] | None = None) -> Iterator[Delivery]:
    """A controller with both transports, and its nodes, on a tmpfs."""
    records = [PluginRecord(name=name, kind="plugin", origin=name) for name in PLUGINS]
    hooks = Hooks(Plugins(MachineSettings(), records))
    with memory_directory() as directory:
        os.environ["LUNA_STATE_DIRECTORY"] = str(directory)
        with switch, Delivery(directory, hooks, switch, settings) as one:
            try:
                for port in (6881, 7051):
                    one.wait_for_port(port)
                yield one
            finally:
                end_nodes(one)


def random_tree(delivery: Delivery, size_bytes: int) -> Path:
    """A tree of files of 1 MB that can't be compressed."""
    tree = delivery.directory / "tree"
    tree.mkdir()
    for number in range(max(1, round(size_bytes / 1_000_000))):
        (tree / f"file{number}").write_bytes(os.urandom(1_000_000))
    return tree


def publish(delivery: Delivery, tree: Path, **options: Any) -> ImageVersion:
    """The tree as a version, known to the seeder when this returns; options are those of `pack`."""
    version = delivery.pack(tree, **options)
    log = delivery.directory / "seeder.log"
    wait_until(lambda: version.manifest_sha256 in log.read_text(), "the seeder to see the version")
    return version


def measured(
    delivery: Delivery,
    start: Callable[[int], "subprocess.Popen[bytes]"],
    received_s: Callable[[int], float],
    begin: Callable[[], object] = lambda: None,
) -> Result:
    """Start a process on every node, then call `begin`, and wait for all; `received_s` says when a node had all bytes.

    Raises SystemExit if a process fails.
    """
    switch, result = delivery.switch, Result()
    sent_bytes, controller_cpu_s, busy = switch.sent_bytes(CONTROLLER), _controller_cpu_s(delivery), processor_s()
    begin_s, clock_s = time.monotonic(), time.time()
    clients = {machine: start(machine) for machine in switch.machines if machine != CONTROLLER}
    begin()
    sample_s, sampled = begin_s, busy
    while clients:
        time.sleep(_POLL_S)
        for machine, client in list(clients.items()):
            _look_at(delivery, machine, client, result, begin_s)
            if machine in result.ended:
                del clients[machine]
        if time.monotonic() - sample_s > _SAMPLE_S:
            if busy_share(sampled, now := processor_s()) > _FULL_SHARE:
                result.full_s += time.monotonic() - sample_s
            sample_s, sampled = time.monotonic(), now
            result.memory_bytes = max(result.memory_bytes, *_memory_bytes(switch))
        if sample_s - begin_s > _TOO_LONG_S:
            raise SystemExit(f"nodes {', '.join(map(str, clients))} did not end within {_TOO_LONG_S:g} s")
    result.unpacked_s = max(result.ended.values())
    result.busy_share = busy_share(busy, processor_s())
    result.received_s = max(map(received_s, result.ended)) - clock_s
    result.sent_bytes = switch.sent_bytes(CONTROLLER) - sent_bytes
    result.controller_cpu_s = _controller_cpu_s(delivery) - controller_cpu_s
    # What goes on seeding was not counted with the client that started it.
    result.node_cpu_s += sum(_cpu_s(_pids(switch, machine)) for machine in result.ended)
    return result


def end_nodes(delivery: Delivery) -> None:
    """End what still runs on nodes."""
    for pid in [pid for machine in delivery.switch.machines if machine for pid in _pids(delivery.switch, machine)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _look_at(
    delivery: Delivery, machine: int, client: "subprocess.Popen[bytes]", result: Result, begin_s: float
) -> None:
    pid, status, usage = os.wait4(client.pid, os.WNOHANG)
    if pid:
        result.ended[machine] = time.monotonic() - begin_s
        result.node_cpu_s += usage.ru_utime + usage.ru_stime
        client.returncode = os.waitstatus_to_exitcode(status)
        if client.returncode:
            logs = [delivery.home(machine) / "console", delivery.directory / f"client{machine}.log"]
            said = "".join(path.read_text(errors="replace")[-_LAST_CHARACTERS:] for path in logs if path.exists())
            raise SystemExit(f"The client on node {machine} ended with status {client.returncode}. It said:\n{said}")


def _pids(switch: Switch, machine: int) -> list[int]:
    return [int(word) for word in run(["ip", "netns", "pids", switch.namespace(machine)]).split()]


def _controller_cpu_s(delivery: Delivery) -> float:
    """Processor time of what runs on the controller, and of what was started there and has ended, as udp-sender."""
    started = {process.pid for process in delivery.processes.values()}
    return _cpu_s(started.union(_pids(delivery.switch, CONTROLLER)))


def _cpu_s(pids: Iterable[int]) -> float:
    """User and system time of processes and of their children that they waited for (proc_pid_stat(5))."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_PER_S


def _memory_bytes(switch: Switch) -> list[int]:
    """Resident memory of each node's processes together, what they share counted for each."""
    names = {Path(f"/run/netns/{switch.namespace(one)}").stat().st_ino: one for one in switch.machines if one}
    sums = dict.fromkeys(names.values(), 0)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if machine := names.get((process / "ns/net").stat().st_ino):
                sums[machine] += int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
    return list(sums.values())


def busy_share(before: tuple[float, float], after: tuple[float, float]) -> float:
    """The busy share of the time between two answers of `processor_s`."""
    return 1 - (after[0] - before[0]) / max(after[1] - before[1], 0.001)


def processor_s() -> tuple[float, float]:
    """Idle and all seconds of this machine's processors since it started (proc_stat(5))."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (ticks[3] + ticks[4]) / _TICKS_PER_S, sum(ticks) / _TICKS_PER_S
