"""Every report reaches the boot server in its order, whatever becomes of the one or the other meanwhile."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs

import pytest

from luna_core.testing.delivery import wait_until
from luna_core.testing.subject import search_path

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
GARBAGE = b"SSH-2.0-OpenSSH_9.2\r\n\r\n"
SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nover\n"
# One that waits for nothing longer than it must be possible to tell.
_HASTY = """
import sys
from luna_core.node import messenger
messenger._AGAIN_S = messenger._ALIVE_S = 0.1
messenger.main(sys.argv[1:])
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


@pytest.fixture
def start(reports: Path, tmp_path: Path) -> Iterator[Start]:
    """Call it with a URL to get the program, which tells what is in `reports`."""
    (tmp_path / "session").write_text("s3cret\n")
    with ExitStack() as stack:

        def run(url: str) -> "subprocess.Popen[str]":
            command: list[str | Path] = [sys.executable, "-c", _HASTY, url, tmp_path / "session", reports]
            program = stack.enter_context(
                subprocess.Popen(command, env=search_path(), stdout=subprocess.PIPE, text=True)
            )
            stack.callback(program.kill)
            return program

        yield run


def report(reports: Path, uptime_s: int, phase: str, log: str = "") -> None:
    said = f"node=node001\nphase={phase}\nstatus=failed\nexit_status=7\nuptime_s={uptime_s}\n{log}"
    (reports / f"{uptime_s:09}.00.new").write_text(said)
    (reports / f"{uptime_s:09}.00.new").rename(reports / f"{uptime_s:09}.00")


def status(server: Any) -> dict[str, str]:
    """The form of the next report."""
    while (asked := server.asked.get(timeout=180)).path != "/boot/status":
        pass
    assert (asked.method, asked.token) == ("POST", "Bearer s3cret")
    return {name: values[0] for name, values in parse_qs(asked.body.decode(), keep_blank_values=True).items()}


def is_empty(reports: Path) -> None:
    wait_until(lambda: not list(reports.iterdir()), "the reports to be dropped")


def test_reports_are_told_in_their_order_with_their_logs(
    boot_server: Callable[..., Any], start: Start, reports: Path
) -> None:
    server = boot_server(lambda asked: OK)
    report(reports, 90, "unpack")
    report(reports, 7, "partscript", "log=no = disk & 100 %\nlog=\u00e9\n")
    start(server.url)
    first = status(server)
    assert float(first.pop("sent_uptime_s")) > 0
    assert first == {
        **{"node": "node001", "phase": "partscript", "status": "failed", "exit_status": "7", "uptime_s": "7"},
        "log": "no = disk & 100 %\nlog=\u00e9\n",
    }
    assert status(server)["phase"] == "unpack"
    report(reports, 91, "finish")
    last = status(server)
    assert (last["phase"], "log" in last) == ("finish", False)
    is_empty(reports)


def test_what_a_server_that_is_away_was_not_told_is_told_when_it_is_back(
    boot_server: Callable[..., Any], start: Start, reports: Path
) -> None:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        program = start(f"http://127.0.0.1:{port}")
        report(reports, 1, "partscript")
        assert program.stdout
        assert "Connection refused" in program.stdout.readline()
        report(reports, 2, "unpack")
        server = boot_server(lambda asked: OK, port)
    assert [status(server)["phase"] for _ in range(2)] == ["partscript", "unpack"]
    is_empty(reports)


def test_a_report_is_kept_until_it_is_taken_or_refused(
    boot_server: Callable[..., Any], start: Start, reports: Path
) -> None:
    answers = iter([BUSY, GARBAGE, b"", SLOW, FORBIDDEN, OK])
    server = boot_server(lambda asked: OK if asked.path == "/boot/progress" else next(answers))
    report(reports, 1, "partscript")
    report(reports, 2, "unpack")
    start(server.url)
    assert [status(server)["phase"] for _ in range(6)] == ["partscript"] * 5 + ["unpack"]
    is_empty(reports)


def test_that_the_node_lives_is_told_while_a_report_is_not_taken(
    boot_server: Callable[..., Any], start: Start, reports: Path
) -> None:
    server = boot_server(lambda asked: BUSY)
    report(reports, 1, "partscript")
    start(server.url)
    status(server)
    while (asked := server.asked.get(timeout=180)).path == "/boot/status":
        pass
    assert (asked.method, asked.path, asked.token, asked.body) == ("POST", "/boot/progress", "Bearer s3cret", b"{}")
    assert list(reports.iterdir())


def test_what_is_no_report_keeps_none_back(boot_server: Callable[..., Any], start: Start, reports: Path) -> None:
    server = boot_server(lambda asked: OK if b"node001" in asked.body else b"HTTP/1.1 400 Bad\r\n\r\n")
    (reports / "000000001.00").write_bytes(b"\0\xff\nno field\n=\n")
    (reports / "000000002.00").mkdir()
    (reports / "000000003.00.new").write_text("node=node001\nphase=half")
    report(reports, 4, "unpack")
    start(server.url)
    assert set(status(server)) <= {"", "sent_uptime_s"}
    assert status(server)["phase"] == "unpack"
    wait_until(lambda: len(list(reports.iterdir())) == 2, "the garbage to be dropped")


def test_one_that_is_killed_in_the_middle_leaves_its_report_to_the_next(
    boot_server: Callable[..., Any], start: Start, reports: Path
) -> None:
    asked_once, go = Event(), Event()

    def say(asked: Any) -> bytes:
        asked_once.set()
        return OK if go.wait(180) else BUSY

    server = boot_server(say)
    report(reports, 1, "partscript")
    killed = start(server.url)
    assert asked_once.wait(180)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    go.set()
    assert status(server)["phase"] == "partscript"
    start(server.url)
    assert status(server)["phase"] == "partscript"
    is_empty(reports)


def test_no_process_shows_the_token(boot_server: Callable[..., Any], start: Start, reports: Path) -> None:
    server = boot_server(lambda asked: OK)
    report(reports, 1, "partscript")
    program = start(server.url)
    status(server)
    for name in ("cmdline", "environ"):
        assert b"s3cret" not in Path(f"/proc/{program.pid}/{name}").read_bytes()
