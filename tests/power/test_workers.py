"""Many BMCs at once, through threads or processes: every job has its reply, whatever the drivers do."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from luna_core.interfaces import PowerDriver
from luna_core.power import pool
from luna_core.power.schedule import Pace, Schedule
from luna_core.power.workers import Job, ProcessWorker, Reply, ThreadWorker
from luna_core.types import PowerState

Make = Callable[..., Job]
Stubborn = Callable[[str], type[PowerDriver]]
BOTH = pytest.mark.parametrize("parallel", ["threads", "processes"])


def replies(jobs: Sequence[Job], driver: type[PowerDriver], pace: Pace | None = None) -> Iterator[Reply]:
    chosen = pace or Pace(parallel=8)
    if driver.parallel == "processes":
        return pool.replies(jobs, driver, chosen)
    return Schedule(jobs, partial(ThreadWorker, driver), chosen).replies()


def children() -> set[str]:
    """The processes that this one started and that still are there."""
    return {path.read_text() for path in Path(f"/proc/{os.getpid()}/task").glob("*/children")} - {""}


@BOTH
def test_each_job_has_one_reply_and_a_hanging_driver_costs_its_own_deadline(
    job: Make, stubborn: Stubborn, parallel: str
) -> None:
    jobs = [job(number) for number in range(40)]
    jobs[3] = job(3, fault="hang", deadline_s=2)
    jobs[5] = job(5, fault="dead")
    jobs[7] = job(7, fault="refuse")
    found = list(replies(jobs, stubborn(parallel)))
    assert sorted(one.node for one in found) == [f"node{number:03d}" for number in range(40)]
    failed = {one.node: one.error for one in found if one.error}
    assert set(failed) == {"node003", "node005", "node007"}
    assert failed["node003"].endswith("its driver did not come back within 2 s and was given up.")
    assert all(one.value is PowerState.OFF for one in found if not one.error)


@BOTH
def test_one_worker_does_many_jobs_and_no_more_than_the_limit_exist(
    job: Make, stubborn: Stubborn, parallel: str
) -> None:
    found = list(replies([job(number, fault="who") for number in range(60)], stubborn(parallel), Pace(parallel=3)))
    workers = {one.value for one in found}
    if parallel == "processes":
        assert 1 <= len(workers) <= 3
        assert str(os.getpid()) not in workers
    else:
        assert workers == {str(os.getpid())}


def test_a_driver_that_ends_its_process_costs_one_node_its_answer(job: Make, stubborn: Stubborn) -> None:
    jobs = [job(number, **({"fault": "crash"} if number == 4 else {})) for number in range(12)]
    found = {one.node: one for one in replies(jobs, stubborn("processes"))}
    assert [node for node, one in found.items() if one.error] == ["node004"]
    assert "its driver ended the process" in found["node004"].error


def test_a_process_that_is_killed_while_it_waits_costs_nobody_an_answer(job: Make, stubborn: Stubborn) -> None:
    driver, hired = stubborn("processes"), list[ProcessWorker]()

    def hire() -> ProcessWorker:
        hired.append(ProcessWorker(driver))
        return hired[-1]

    found = Schedule([job(number, fault="who") for number in range(4)], hire, Pace(parallel=1)).replies()
    first = next(found)
    os.kill(int(str(first.value)), signal.SIGKILL)
    # Its end of the pipe is closed once it is dead.
    assert hired[0].connection.poll(60)
    rest = list(found)
    assert [one.node for one in rest if one.error] == []
    assert len(rest) == 3
    assert {one.value for one in rest} == {rest[0].value} != {first.value}


@BOTH
def test_an_exception_is_told_without_any_secret(job: Make, stubborn: Stubborn, parallel: str) -> None:
    (found,) = replies([job(1, fault="password", token="t0ken")], stubborn(parallel))
    assert found.error == "RuntimeError: logged in with ******"


def test_machines_are_switched_on_one_after_the_other_if_asked(job: Make, stubborn: Stubborn) -> None:
    began = time.monotonic()
    found = list(replies([job(number, inrush="yes") for number in range(4)], stubborn("threads"), Pace(stagger_s=0.2)))
    assert not [one for one in found if one.error]
    assert time.monotonic() - began >= 0.6


def test_who_stops_listening_leaves_no_process_behind(job: Make, stubborn: Stubborn) -> None:
    before = children()
    stream = replies([job(1), job(2, fault="hang")], stubborn("processes"))
    assert next(stream).node == "node001"
    assert children() != before
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert children() == before


def test_no_secret_is_on_a_command_line_or_in_an_environment(job: Make, stubborn: Stubborn) -> None:
    stream = replies([job(1), job(2, fault="hang")], stubborn("processes"))
    next(stream)
    password = job(1).bmc.password
    shown = subprocess.run(["ps", "axeww", "-o", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert "luna_core.power.pool" in shown
    assert password not in shown
