"""Benchmarks refuse what makes no sense, and leave nothing behind however they end."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import IO, Any

import pytest

from luna_core.run import run
from luna_core.testing.delivery import Delivery, wait_until
from luna_core.testing.switch import CONTROLLER, Switch
from luna_lab.state import process_started

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEMORY = Path("/dev/shm")  # noqa: S108 - where benchmarks have their files
Load = Callable[[str], ModuleType]
# One that is about to measure: a switch with a program on it, and files.
BEGUN = """
import subprocess, sys, time
sys.path.insert(0, sys.argv[1])
import ground
from luna_core.testing.switch import Switch
ground.need()
with ground.memory_directory() as directory, Switch(1) as switch:
    subprocess.Popen([*switch.inside(1), "sleep", "1000"], start_new_session=True, stdout=subprocess.DEVNULL)
    while not subprocess.run(["ip", "netns", "pids", switch.namespace(1)], capture_output=True, check=True).stdout:
        pass
    print(switch.namespace(1), flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def begun() -> "Iterator[subprocess.Popen[str]]":
    """A benchmark in the middle of it."""
    command = [sys.executable, "-c", BEGUN, str(BENCHMARKS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == f"luna{process.pid}m1"
        yield process
        process.kill()


def left_of(process: "subprocess.Popen[str]") -> list[str]:
    namespaces = [line.split()[0] for line in run(["ip", "netns", "list"]).splitlines()]
    files = [path.name for path in MEMORY.iterdir()]
    return [name for name in namespaces + files if re.search(rf"(?<!\d){process.pid}(?!\d)", name)]


def processes_in(namespace: str) -> list[int]:
    return [int(word) for word in run(["ip", "netns", "pids", namespace]).split()]


def test_what_a_killed_one_left_is_removed_by_the_next_but_nothing_of_one_that_runs(
    begun: "subprocess.Popen[str]", load: Load
) -> None:
    (pid,) = processes_in(f"luna{begun.pid}m1")
    load("ground").need()
    assert left_of(begun), "it runs"
    begun.kill()
    begun.wait()
    assert left_of(begun)
    load("ground").need()
    assert not left_of(begun)
    assert process_started(pid) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_by_one_that_is_ended(begun: "subprocess.Popen[str]", number: signal.Signals) -> None:
    begun.send_signal(number)
    begun.send_signal(signal.SIGINT)
    assert begun.wait(300) in (128 + number, 128 + signal.SIGINT)
    assert not left_of(begun)


def test_what_another_benchmark_removes_at_the_same_time_is_no_trouble(
    begun: "subprocess.Popen[str]", load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.kill()
    begun.wait()
    ground = load("ground")

    def files_go(path: Path, **options: Any) -> None:
        removed(path)
        removed(path, **options)

    def namespace_goes(command: Sequence[str]) -> str:
        if str(begun.pid) in command[-1]:
            run(["ip", "netns", "delete", command[-1]])
        return run(command)

    removed = shutil.rmtree
    monkeypatch.setattr(ground.shutil, "rmtree", files_go)
    monkeypatch.setattr("luna_lab.namespace.run", namespace_goes)
    ground.need()
    assert not left_of(begun)


def test_luna_serve_ends_with_the_bursts_that_it_was_started_for(tmp_path: Path) -> None:
    words = ["--nodes", "1", "--downloads", "1", "--rounds", "100000"]
    with TemporaryDirectory(dir="/var/tmp") as name, (tmp_path / "said").open("w+") as said:
        # Unlike pytest's it is one that luna's unprivileged user may enter.
        Path(name).chmod(0o755)
        with ended("control_plane.py", words, Path(name), said):
            wait_until(lambda: "1  entry " in (tmp_path / "said").read_text(), "the first burst")


def test_tar_ends_with_what_it_is_compared_with(tmp_path: Path) -> None:
    tree, scratch = tmp_path / "tree", tmp_path / "scratch"
    tree.mkdir()
    scratch.mkdir()
    with (tree / "of which tar never comes to the end").open("wb") as file:
        file.truncate(1 << 40)
    with ended("pack.py", [str(tree)], scratch):
        wait_until(lambda: any(scratch.glob("*/tree.tar.zst")), "the first tar")


@contextmanager
def ended(name: str, words: Sequence[str], scratch: Path, said: IO[str] | None = None) -> Iterator[None]:
    """A benchmark that is ended in the middle of it, after which nothing of it is left."""
    command = [sys.executable, str(BENCHMARKS / name), *words, "--scratch", str(scratch)]
    with subprocess.Popen(command, stdout=said) as process:
        try:
            yield
            process.terminate()
            assert process.wait(100) == 128 + signal.SIGTERM
        finally:
            process.kill()
    assert not list(scratch.iterdir())
    wait_until(lambda: not programs_of(scratch), "the end of what it had started")


def programs_of(directory: Path) -> list[bytes]:
    """What runs with this directory on its command line or in its environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if os.fsencode(directory) in words + (process / "environ").read_bytes():
                found.append(words)
    return found


def test_nothing_runs_on_if_the_controller_could_not_be_made(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", "")
    started: list[int] = []

    def interrupted(delivery: Delivery) -> None:
        started.extend(processes_in(delivery.switch.namespace(CONTROLLER)))
        raise KeyboardInterrupt

    monkeypatch.setattr(Delivery, "_place_node_files", interrupted)
    with pytest.raises(KeyboardInterrupt), load("cluster").cluster(Switch(1)):
        pass
    assert started
    assert not [pid for pid in started if process_started(pid)]


def test_the_controllers_processor_time_is_also_that_of_what_has_ended(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", "")
    cluster = load("cluster")
    with cluster.cluster(Switch(1)) as delivery:

        def begin() -> None:
            delivery.start("sender", [sys.executable, "-c", "import time\nwhile time.process_time() < 2: pass"])
            os.waitid(os.P_PID, delivery.processes["sender"].pid, os.WEXITED | os.WNOWAIT)

        def client(machine: int) -> "subprocess.Popen[bytes]":
            return subprocess.Popen([*delivery.switch.inside(machine), "true"])

        assert cluster.measured(delivery, client, lambda machine: 0.0, begin).controller_cpu_s >= 1.9


def test_a_client_that_fails_is_quoted(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", "")
    cluster = load("cluster")
    with cluster.cluster(Switch(1)) as delivery:

        def client(machine: int) -> "subprocess.Popen[bytes]":
            delivery.start("client1", ["sh", "-c", "echo no such image; exit 7"], machine)
            return delivery.processes.pop("client1")

        with pytest.raises(SystemExit, match=r"node 1 ended with status 7\. It said:\nno such image"):
            cluster.measured(delivery, client, lambda machine: 0.0)


@pytest.mark.parametrize(
    "words",
    [
        ("delivery.py", "--nodes", "0"),
        ("delivery.py", "--nodes", "8,"),
        ("delivery.py", "--mbit", "-1"),
        ("delivery.py", "--seconds", "nan"),
        ("delivery.py", "--ways", "carrier-pigeon"),
        ("racks.py", "--racks", "0"),
        ("racks.py", "--oversubscribed", "0"),
        ("racks.py", "--shares", "0.75,2"),
        ("relays.py", "--nodes", "many"),
        ("relays.py", "--megabytes", "0.1"),
        ("relays.py", "--ways", "waves,floods"),
        ("delta.py", "--share", "2"),
        ("storm.py", "--nodes", "0"),
        ("storm.py", "--ways", "ftp"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, BENCHMARKS / words[0], *words[1:]], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"{words[1]}: {words[2].split(',')[-1]!r} was given; accepted" in done.stderr


@pytest.mark.parametrize("name", ["delivery", "racks", "relays", "delta", "storm", "memory"])
def test_whoever_is_not_root_is_told_so(name: str, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(name)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *(["/usr"] if name == "memory" else [])])
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    with pytest.raises(SystemExit, match="run it as root"):
        module.main()


def test_programs_that_are_missing_are_named(load: Load) -> None:
    with pytest.raises(SystemExit, match=r"Not found: udp-juggler; packaging/apt-packages\.txt"):
        load("ground").need("ip", "udp-juggler")


def test_more_than_there_is_memory_for_is_refused_before_it_begins(load: Load) -> None:
    load("ground").need_memory(1e6)
    with pytest.raises(SystemExit, match=r"This takes 1000000\.0 GB of memory as files in /dev/shm, where \d+\.\d GB"):
        load("ground").need_memory(1e15)
