"""Worker processes, made by a process of their own: a fork is safe only where there are no other threads.

The caller starts `python -m luna_core.power.pool` and sends everything, passwords included, through a socket that only
the two have. The process dies with the caller, and its workers with it.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from luna_core.interfaces import PowerDriver
from luna_core.power.schedule import Pace, Schedule
from luna_core.power.workers import Job, ProcessWorker, Reply, die_with_parent

# How much longer than any job's deadline the process may be silent.
GRACE_S = 30.0


def replies(jobs: Sequence[Job], driver_class: type[PowerDriver], pace: Pace) -> Iterator[Reply]:
    """Each job's reply as it comes, from worker processes; the rest fail in words if the process ends too early."""
    unanswered = {job.bmc.node: None for job in jobs}
    silence_s = max(job.deadline_s for job in jobs) + pace.stagger_s + GRACE_S
    ours, theirs = Pipe()
    process = _started(theirs)
    try:
        ours.send((driver_class, jobs, pace))
        while unanswered and ours.poll(silence_s):
            reply: Reply = ours.recv()
            del unanswered[reply.node]
            yield reply
    except (EOFError, OSError):
        pass
    finally:
        process.kill()
        process.wait()
        ours.close()
    for node in unanswered:
        yield Reply(node=node, error="The process that talks to BMCs ended before its answer came.")


def _started(theirs: "Connection[object, object]") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "luna_core.power.pool", str(theirs.fileno()), str(os.getpid())]
    # What a driver's library prints must not get among luna's own output, and Ctrl-C is the caller's to handle.
    with theirs:
        return subprocess.Popen(  # noqa: S603 - luna itself
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
        )


def main() -> None:
    """Carry out one order: argv has the socket's number and the caller's process id."""
    die_with_parent(int(sys.argv[2]))
    connection: Connection[Reply, tuple[type[PowerDriver], Sequence[Job], Pace]] = Connection(int(sys.argv[1]))
    driver_class, jobs, pace = connection.recv()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Objects that no collection touches stay in memory that all workers share.
    gc.freeze()
    for reply in Schedule(jobs, partial(ProcessWorker, driver_class), pace).replies():
        connection.send(reply)


if __name__ == "__main__":
    main()
