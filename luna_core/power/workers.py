"""Those who talk to BMCs: threads, or processes of one thread each, that get one job after the other through a pipe."""

import ctypes
import os
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection

from luna_core.errors import MASK
from luna_core.interfaces import PowerDriver
from luna_core.plugins import explain
from luna_core.power.calls import Function
from luna_core.types import BmcTarget

_PR_SET_PDEATHSIG = 1  # prctl(2)
_FORK = get_context("fork")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call of one BMC. After `deadline_s` whoever does it is given up."""

    bmc: BmcTarget
    function: Function
    deadline_s: float
    inrush: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What became of one node's call: a value, or a sentence that says what is wrong; `seconds` is how long it took."""

    node: str
    value: object = None
    error: str = ""
    seconds: float = 0.0


Replies = Generator[Reply, None, None]
"""Replies as they come; whoever closes it ends what is still under way."""


class Worker(ABC):
    """Does one job at a time; `connection` is where it gets jobs and where its replies come from."""

    connection: "Connection[Job, Reply]"

    @abstractmethod
    def give_up(self) -> None:
        """Be rid of it, whatever it is doing."""


Hire = Callable[[], Worker]


class ThreadWorker(Worker):
    """For drivers that bear threads. One that hangs is left alone: a thread can't be killed."""

    def __init__(self, driver_class: type[PowerDriver]) -> None:
        self.connection, theirs = Pipe()
        threading.Thread(target=_serve, args=(theirs, driver_class), daemon=True).start()

    def give_up(self) -> None:
        """Close the pipe, which ends it when it looks there next."""
        self.connection.close()


class ProcessWorker(Worker):
    """Forked, with the driver's library loaded once for all; only a process without other threads may make it."""

    def __init__(self, driver_class: type[PowerDriver]) -> None:
        self.connection, theirs = Pipe()
        arguments = (theirs, driver_class, os.getpid())
        self._process = _FORK.Process(target=_serve_in_process, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def give_up(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def die_with_parent(parent: int) -> None:
    """End this process when the thread that started it ends, even by SIGKILL (prctl(2)); `parent` is its process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _serve_in_process(connection: "Connection[Reply, Job]", driver_class: type[PowerDriver], parent: int) -> None:
    die_with_parent(parent)
    _serve(connection, driver_class)


def _serve(connection: "Connection[Reply, Job]", driver_class: type[PowerDriver]) -> None:
    with suppress(EOFError, OSError), connection:
        while True:
            connection.send(_done(connection.recv(), driver_class))


def _done(job: Job, driver_class: type[PowerDriver]) -> Reply:
    began = time.monotonic()
    value, error = None, ""
    try:
        value = job.function(driver_class(), job.bmc)
    except (Exception, SystemExit) as failure:
        error = explain(failure)
        for secret in (job.bmc.password, *(job.bmc.options.get(name) for name in driver_class.secret_options)):
            error = error.replace(secret, MASK) if secret else error
    return Reply(node=job.bmc.node, value=value, error=error, seconds=time.monotonic() - began)
