"""Install scripts run by a true shell with the initramfs's own functions, and what the boot server keeps of them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from luna_core.boot.sessions import boots
from luna_core.model import Node
from luna_core.model.boot import BootEvent, BootSession
from luna_core.node.http import Connection
from luna_core.operations.configure import set_setting
from luna_core.operations.objects import change
from luna_core.settings import CORE_SETTINGS
from luna_core.testing.delivery import wait_until
from luna_core.testing.subject import search_path

MAC = "52:54:00:00:00:01"
LIBRARY = Path(__file__).parents[2] / "dracut/95luna/luna-lib.sh"


class Initramfs:
    """What the agent prepares for an install script, in a directory of its own."""

    def __init__(self, server: Any, directory: Path) -> None:
        self.server, self.directory = server, directory
        self.run = directory / "run"
        self.run.mkdir()
        self.token = self._boot()
        (self.run / "session").write_text(self.token)
        (directory / "lib").write_text(self._moved(LIBRARY.read_text()))
        (directory / "luna-python").write_text("#!/bin/sh\nexit 1\n")
        (directory / "luna-python").chmod(0o755)

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as the agent would."""
        environment = {
            "PATH": f"{self.directory}:{os.environ['PATH']}",
            "LUNA_URL": self.server.url,
            "LUNA_NODE": "node001",
            "LUNA_LIB": str(self.directory / "lib"),
            "NEWROOT": str(self.directory / "root"),
        }
        # Into a file, as the agent does: what a script leaves running would keep a pipe open.
        with (self.directory / "output").open("wb") as output:
            return subprocess.run(
                ["sh"], input=script, text=True, stdout=output, stderr=output, env=environment, timeout=100
            )

    @contextmanager
    def messenger(self, prelude: str = "") -> Iterator[None]:
        """What tells the reports, as the agent starts it, after some Python."""
        code = f"import sys\nfrom luna_core.node import messenger\n{prelude}\nmessenger.main(sys.argv[1:])"
        command = [sys.executable, "-c", code, self.server.url, self.run / "session", self.run / "reports"]
        with subprocess.Popen(command, env=search_path()) as program:
            try:
                yield
            finally:
                program.kill()

    def tell(self) -> None:
        """Let the boot server know all that was reported."""
        with self.messenger():
            wait_until(lambda: not list((self.run / "reports").iterdir()), "the reports to be told")

    def install(self, prescript: str) -> BootEvent:
        """What is kept of the phase prescript when the install script has run with this one."""
        profile = {"prescript": prescript, "partscript": "mkdir $NEWROOT"}
        self.server.luna.change(lambda work: change(work, Node, "node001", profile), "test")
        request = Request(f"{self.server.url}/boot/install?node=node001")
        request.add_header("Authorization", f"Bearer {self.token}")
        with urlopen(request, timeout=30) as answer:
            self.shell(self._moved(answer.read().decode()))
        self.tell()
        return next(one for one in self.events() if one.phase == "prescript" and one.status != "started")

    def events(self) -> tuple[BootEvent, ...]:
        found = self.server.luna.read(lambda work: boots(work, work.get(Node, "node001"), limit=1))
        events: tuple[BootEvent, ...] = found[0].events
        return events

    def age_reports(self, *ages_s: float) -> None:
        """Let the reports that wait to be sent be so old, by the clock that reports go by."""
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
        for entry, age_s in zip(sorted((self.run / "reports").glob("*[0-9+]")), ages_s, strict=True):
            entry.write_text(re.sub(r"uptime_s=[0-9.]+", f"uptime_s={uptime_s - age_s:.2f}", entry.read_text()))

    def _boot(self) -> str:
        self.server.luna.change(lambda work: change(work, Node, "node001", {"boot_address": "dhcp"}), "test")
        self.server.neighbours["127.0.0.1"] = MAC
        with urlopen(f"{self.server.url}/boot/discovery?booted={MAC}&mac={MAC}", timeout=30) as answer:
            found = re.search(r"luna\.session=(\S+)", answer.read().decode())
        assert found
        return found.group(1)

    def _moved(self, script: str) -> str:
        return script.replace("/run/luna", str(self.run)).replace("/dev/console", str(self.directory / "console"))


@pytest.fixture
def initramfs(server: Any, tmp_path: Path) -> Iterator[Initramfs]:
    (tmp_path / "machine").mkdir()
    made = Initramfs(server, tmp_path / "machine")
    yield made
    subprocess.run(["umount", "--quiet", made.run / "work"], check=False)


@pytest.mark.parametrize(
    ("script", "exit_status", "log"),
    [
        ("echo before\nfalse\necho after", 1, "before\n"),
        ("echo $unset_variable", 2, None),
        ("echo before; kill -9 $PPID", 137, None),
        ("cat; echo nobody typed anything; exit 4", 4, "nobody typed anything\n"),
        (r"printf 'a\377b\000c \033[31mred\033[0m \007d\n'; exit 5", 5, "a\ufffdbc red \ufffdd\n"),
        ("yes 0123456789 | head -c 100000000; echo the end >&2; exit 6", 6, None),
        ("head -c 3000000 /dev/zero | tr '\\0' x; exit 7", 7, "x" * 8000),
    ],
    ids=["first failure", "unset", "kills its parent", "reads", "bytes", "100 MB", "one long line"],
)
def test_whatever_a_script_does_its_failure_is_kept(
    initramfs: Initramfs, script: str, exit_status: int, log: str | None
) -> None:
    event = initramfs.install(script)
    assert (event.status, event.exit_status) == ("failed", exit_status)
    if log is not None:
        assert event.log == log
    kept = sum(path.stat().st_size for path in initramfs.run.glob("prescript.log*"))
    assert kept < 5_000_000, "what a script prints is kept in memory"
    assert "partscript" not in {one.phase for one in initramfs.events()}


def test_the_end_of_a_long_log_is_what_is_kept(initramfs: Initramfs) -> None:
    event = initramfs.install("seq 1000000; exit 1")
    assert event.log.split() == [str(number) for number in range(999_981, 1_000_001)]


def test_a_script_that_ends_early_ends_only_itself(initramfs: Initramfs) -> None:
    assert initramfs.install("exit 0; false").status == "done"
    assert [one.status for one in initramfs.events() if one.phase == "partscript"] == ["started", "done"]


def test_a_script_that_hangs_is_ended(initramfs: Initramfs) -> None:
    initramfs.server.luna.change(lambda work: set_setting(work, CORE_SETTINGS, "boot.script_timeout_s", 1), "test")
    event = initramfs.install("echo begun; sleep 1000")
    assert (event.status, event.exit_status) == ("failed", 124)
    assert event.log == "begun\nluna: ended after 1 s, see setting boot.script_timeout_s\n"


def test_what_a_script_leaves_running_holds_nothing_up(initramfs: Initramfs) -> None:
    pid_file = initramfs.directory / "pid"
    event = initramfs.install(f"sleep 1000 & echo $! > {pid_file}; echo it runs; exit 3")
    try:
        assert (event.exit_status, event.log) == (3, "it runs\n")
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)


def test_the_token_is_in_no_log_though_a_script_shows_it(initramfs: Initramfs) -> None:
    event = initramfs.install(f"cat {initramfs.run}/session; printf 'Bearer '; cat {initramfs.run}/session; exit 1")
    assert "Bearer ***" in event.log
    assert initramfs.token not in event.log


def test_what_could_not_be_reported_is_reported_later_with_its_own_time(initramfs: Initramfs) -> None:
    (initramfs.directory / "log").write_text("no route to host\n")
    report = '. "$LUNA_LIB"; luna_report partscript started; luna_report partscript failed 7 "$PWD"'
    away = initramfs.shell(report.replace("$PWD", str(initramfs.directory / "log")))
    assert (away.returncode, initramfs.events()) == (0, ())
    initramfs.age_reports(90, 60)
    before = datetime.now().astimezone()
    initramfs.tell()
    started, failed = initramfs.events()
    assert (started.status, failed.status, failed.exit_status, failed.log) == (
        *("started", "failed", 7),
        "no route to host\n",
    )
    assert datetime.fromisoformat(started.time) < datetime.fromisoformat(failed.time) < before


def test_reports_that_are_refused_are_not_kept_for_ever(initramfs: Initramfs) -> None:
    (initramfs.run / "session").write_text("wrong")
    initramfs.shell('. "$LUNA_LIB"; luna_report partscript started')
    initramfs.tell()
    assert initramfs.events() == ()


def test_a_node_that_says_only_that_it_lives_keeps_its_session_and_its_figures(initramfs: Initramfs) -> None:
    def session() -> BootSession:
        found: tuple[BootSession, ...] = initramfs.server.luna.read(lambda work: boots(work, work.get(Node, "node001")))
        return found[0]

    headers = {"Authorization": f"Bearer {initramfs.token}"}
    Connection(f"{initramfs.server.url}/boot/").post("progress", {"phase": "download", "percent": 5}, headers)
    first = session()
    with initramfs.messenger("messenger._ALIVE_S = 0.1"):
        wait_until(lambda: session().touched > first.touched, "the node to say that it lives")
    assert session().progress == first.progress


def test_two_processes_may_report_at_once(initramfs: Initramfs) -> None:
    """Whoever learns that another machine has the node's address tells it beside the install script."""
    library = initramfs.directory / "lib"
    (initramfs.directory / "uptime").write_text("7.00 7.00\n")
    library.write_text(library.read_text().replace("/proc/uptime", str(initramfs.directory / "uptime")))
    os.mkfifo(initramfs.directory / "log")
    done = initramfs.shell(
        f"""set -e
        cd {initramfs.directory}
        . "$LUNA_LIB"
        sh -c '. "$LUNA_LIB"; luna_report slow failed 1 log' &
        until [ -n "$(ls run/reports 2> /dev/null)" ]; do sleep 0.1; done
        luna_report quick "done"
        echo why > log
        wait $!"""
    )
    assert done.returncode == 0, (initramfs.directory / "output").read_text()
    reports = [path.read_text() for path in (initramfs.run / "reports").iterdir()]
    assert sorted(re.findall("phase=(.*)", "".join(reports))) == ["quick", "slow"]
    assert sum("log=why" in one for one in reports) == 1


def test_reports_of_the_same_hundredth_of_a_second_keep_their_order(initramfs: Initramfs) -> None:
    """The image's client reports by processes of its own, and the script, which is older than they, right after it."""
    library = initramfs.directory / "lib"
    (initramfs.directory / "uptime").write_text("7.00 7.00\n")
    library.write_text(library.read_text().replace("/proc/uptime", str(initramfs.directory / "uptime")))
    told = [f"{number} {status}" for number in range(4) for status in ("started", "done")]
    client = """sh -c '. "$LUNA_LIB"; luna_report %d started'; luna_report %d "done"\n"""
    steps = "".join(client % (number, number) for number in range(4))
    done = initramfs.shell(f'cd {initramfs.directory}\n. "$LUNA_LIB"\n{steps}')
    assert done.returncode == 0, (initramfs.directory / "output").read_text()
    reports = [path.read_text() for path in sorted((initramfs.run / "reports").iterdir())]
    assert [" ".join(re.findall("(?:phase|status)=(.*)", one)[:2]) for one in reports] == told
