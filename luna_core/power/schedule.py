"""Who does which job when: at most so many at once, so far apart, and none for longer than its deadline."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from luna_core.power.workers import Hire, Job, Reply, Worker


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many BMCs at once, and how many seconds apart machines are switched on."""

    parallel: int = 64
    stagger_s: float = 0.0


@dataclass(frozen=True)
class _Task:
    worker: Worker
    job: Job
    began: float

    @property
    def due(self) -> float:
        return self.began + self.job.deadline_s


class Schedule:
    """Jobs on their way. Workers are hired when nobody is free, so that quick BMCs need few."""

    def __init__(self, jobs: Sequence[Job], hire: Hire, pace: Pace) -> None:
        self._waiting = deque(jobs)
        self._hire = hire
        self._pace = pace
        self._idle: list[Worker] = []
        self._busy: dict[Any, _Task] = {}  # by the connection
        self._next_start = 0.0

    def replies(self) -> Iterator[Reply]:
        """Each job's reply as it comes; workers are gone afterwards."""
        try:
            while self._waiting or self._busy:
                started = self._start_one()
                yield from self._finished(0.0 if started else self._idle_time_s())
                yield from self._overdue()
        finally:
            for worker in [*self._idle, *(task.worker for task in self._busy.values())]:
                worker.give_up()

    def _start_one(self) -> bool:
        now = time.monotonic()
        if not self._waiting or len(self._busy) >= self._pace.parallel or now < self._next_start:
            return False
        job = self._waiting.popleft()
        worker = self._give(job)
        self._busy[worker.connection] = _Task(worker, job, now)
        if job.inrush:
            self._next_start = now + self._pace.stagger_s
        return True

    def _give(self, job: Job) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            try:
                worker.connection.send(job)
            except OSError:
                # It died while it waited, which is no fault of this job's BMC.
                worker.give_up()
            else:
                return worker
        worker = self._hire()
        worker.connection.send(job)
        return worker

    def _idle_time_s(self) -> float:
        """Until something other than a reply has to be seen to."""
        moments = [task.due for task in self._busy.values()]
        if self._waiting and len(self._busy) < self._pace.parallel:
            moments.append(self._next_start)
        return max(0.0, min(moments) - time.monotonic())

    def _finished(self, timeout_s: float) -> Iterator[Reply]:
        if not self._busy:
            time.sleep(timeout_s)
        for connection in wait(list(self._busy), timeout_s) if self._busy else ():
            task = self._busy.pop(connection)
            try:
                reply: Reply = task.worker.connection.recv()
            except (EOFError, OSError):
                yield self._lost(task, "its driver ended the process that it ran in")
            else:
                self._idle.append(task.worker)
                yield reply

    def _overdue(self) -> Iterator[Reply]:
        now = time.monotonic()
        for task in [one for one in self._busy.values() if one.due <= now]:
            del self._busy[task.worker.connection]
            yield self._lost(task, f"its driver did not come back within {task.job.deadline_s:g} s and was given up")

    def _lost(self, task: _Task, why: str) -> Reply:
        task.worker.give_up()
        bmc = task.job.bmc
        text = f"The BMC of {bmc.node} at {bmc.address}: {why}."
        return Reply(node=bmc.node, error=text, seconds=time.monotonic() - task.began)
