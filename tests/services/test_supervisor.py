"""Services are real processes here: shell scripts that write what happens to them into files."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from luna_core.services import child
from luna_core.services.child import Patience
from luna_core.services.supervisor import Supervisor
from luna_core.services.systemd import notify
from luna_core.types import Service

Scenario = Callable[[Supervisor], Awaitable[None]]


@pytest.fixture
def status_file(tmp_path: Path) -> Path:
    return tmp_path / "status.json"


def shell(name: str, script: str, **values: Any) -> Service:
    return Service(name=name, command=("sh", "-c", script), **values)


def supervise(status_file: Path, scenario: Scenario, patience: Patience | None = None) -> None:
    async def run() -> None:
        supervisor = Supervisor(status_file, patience=patience)
        try:
            await scenario(supervisor)
        finally:
            await supervisor.stop()

    asyncio.run(run())


def services(status_file: Path) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(status_file.read_text())["services"]}


async def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def test_pauses_between_restarts_double_up_to_a_limit(status_file: Path, pauses: list[float]) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([shell("broken", "exit 3")], (), ())
        await until(lambda: len(pauses) >= 8)
        assert services(status_file)["broken"]["last_exit"] == "it exited with status 3"
        assert services(status_file)["broken"]["restarts"] >= 6

    supervise(status_file, scenario)
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_service_that_was_healthy_starts_again_soon(status_file: Path, pauses: list[float]) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([shell("brief", "exit 0")], (), ())
        await until(lambda: len(pauses) >= 4)

    supervise(status_file, scenario, Patience(healthy_s=0))
    assert pauses[:4] == [1, 1, 1, 1]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a child makes, none of which is waited for."""
    made: list[float] = []
    sleep = asyncio.sleep

    class Impatient:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            made.append(seconds)
            await sleep(0)

    monkeypatch.setattr(child, "asyncio", Impatient())
    return made


def test_stopping_leaves_no_process_however_stubborn(status_file: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >>{pids}; sleep 1000' & echo $$ >>{pids}; wait; wait"

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([shell("stubborn", script)], (), ())
        await until(lambda: len(numbers(pids)) == 2)

    supervise(status_file, scenario, Patience(stop_s=0.2))
    assert not [pid for pid in numbers(pids) if alive(pid)]
    assert services(status_file) == {}


def test_a_stubborn_service_is_waited_for_by_every_python_3_11(
    status_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debian 12's, 3.11.2, takes a time-out for a cancellation in a task that is being cancelled."""
    leave = asyncio.Timeout.__aexit__

    async def leave_as_3_11_2(timeout: Any, *raised: Any) -> Any:
        timeout._cancelling = 0
        return await leave(timeout, *raised)

    monkeypatch.setattr(asyncio.Timeout, "__aexit__", leave_as_3_11_2)

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([shell("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done")], (), ())
        await until(lambda: "ready" in capsys.readouterr().err)

    supervise(status_file, scenario, Patience(stop_s=0.2))
    err = capsys.readouterr().err
    assert "stubborn: did not stop within 0.2 s" in err
    assert "stubborn: it was killed by SIGKILL" in err


def test_a_service_that_ends_while_luna_stops_it_is_not_started_again(
    status_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where systemd sends SIGTERM to it and to luna at once."""
    send = child._signal_group

    def send_and_stop_luna(process: asyncio.subprocess.Process, number: int) -> None:
        send(process, number)
        task = asyncio.current_task()
        if number == signal.SIGTERM and task:
            loop = asyncio.get_running_loop()
            # Its turn is after that of the news that the process ended.
            loop.call_soon(loop.call_soon, task.cancel)

    monkeypatch.setattr(child, "_signal_group", send_and_stop_luna)

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([shell("brief", "exit 0")], (), ())
        ((_, task),) = supervisor._running.values()
        await until(task.done)

    supervise(status_file, scenario)


def test_only_what_changed_is_restarted_and_only_what_asked_for_it_reloaded(status_file: Path, tmp_path: Path) -> None:
    reloads = tmp_path / "reloads"
    listening = f"trap 'echo 1 >>{reloads}' HUP; echo 0 >>{reloads}; while :; do sleep 1000 & wait; done"
    kept = shell("kept", listening, reload_signal=signal.SIGHUP)
    others = [shell(name, "sleep 1000") for name in ("changed", "deaf", "gone", "same")]
    changed = shell("changed", "sleep 2000")

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([kept, *others], (), ())
        await until(lambda: numbers(reloads) == [0] and all(one["pid"] for one in services(status_file).values()))
        before = services(status_file)
        await supervisor.apply([kept, changed, others[1], others[3]], ("kept", "deaf"), ("a problem",))
        await until(lambda: numbers(reloads) == [0, 1])
        await until(lambda: all(one["pid"] for one in services(status_file).values()))
        after = services(status_file)
        assert {name for name in after if after[name]["pid"] == before[name]["pid"]} == {"kept", "same"}
        assert after.keys() == {"kept", "changed", "deaf", "same"}
        assert not alive(before["gone"]["pid"])
        assert json.loads(status_file.read_text())["problems"] == ["a problem"]

    supervise(status_file, scenario)


def test_a_service_runs_as_its_user_with_its_environment_and_a_labelled_log(
    status_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service = shell(
        "polite", 'echo "$(id -un) $GREETING"; sleep 1000', user="nobody", environment={"GREETING": "hello"}
    )
    said = ""

    def heard() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "polite: nobody hello" in said

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([service], (), ())
        await until(heard)

    supervise(status_file, scenario)


@pytest.mark.parametrize(
    "service", [Service(name="odd", command=("/no/such/program",)), shell("odd", "true", user="nobody-at-all")]
)
def test_what_can_t_be_started_is_told_and_stops_nothing_else(status_file: Path, service: Service) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.apply([service, shell("fine", "sleep 1000")], (), ())
        await until(lambda: services(status_file)["odd"]["state"] == "waiting")
        await until(lambda: services(status_file)["fine"]["state"] == "running")
        assert "can't be started" in services(status_file)["odd"]["last_exit"]

    supervise(status_file, scenario)


def test_nothing_survives_a_killed_supervisor(status_file: Path) -> None:
    # A daemon that gives root up loses the kernel's signal at its parent's death; a shell has children of its own.
    program = f"""
import asyncio, pathlib
from luna_core.services.supervisor import Supervisor
from luna_core.types import Service

async def main():
    script = ("sh", "-c", "echo $$; sleep 1000; true")
    service = Service(name="daemon", command=("setpriv", "--reuid=65534", "--clear-groups", *script))
    await Supervisor(pathlib.Path({str(status_file)!r})).apply([service], (), ())
    await asyncio.sleep(1000)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stderr
        group = int(supervisor.stderr.readline().rpartition(" ")[2])
        assert len(members(group)) >= 1
        supervisor.kill()
    asyncio.run(until(lambda: not members(group)))


def members(group: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        # Other processes of this machine come and go while they are looked at.
        with suppress(ProcessLookupError):
            if os.getpgid(int(path.name)) == group and alive(int(path.name)):
                found.append(int(path.name))
    return found


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_told(tmp_path: Path, abstract: bool) -> None:
    address = f"@luna-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address[1:]}" if abstract else address)
        notify("READY=1", {"NOTIFY_SOCKET": address})
        assert manager.recv(100) == b"READY=1"
    notify("STOPPING=1", {"NOTIFY_SOCKET": address})  # nobody listens any more, and nothing happens
    notify("READY=1", {})
