"""One question to many BMCs, of whichever drivers."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from queue import SimpleQueue

from luna_core import drivers
from luna_core.errors import LunaError
from luna_core.operations import Luna, Work
from luna_core.operations.configure import settings
from luna_core.operations.nodes import select_all
from luna_core.power import pool
from luna_core.power.calls import Call
from luna_core.power.schedule import Pace, Schedule
from luna_core.power.targets import Bmc, Finder
from luna_core.power.workers import Job, Replies, Reply, ThreadWorker
from luna_core.settings import CORE_SETTINGS, MachineSettings

__all__ = ["Bmc", "Call", "Pace", "Replies", "Reply", "ask", "find_bmcs", "pace_of"]


def find_bmcs(luna: Luna, hostlists: Sequence[str]) -> list[Bmc]:
    """The BMCs of the nodes that are in all of the hostlists, in natural order. Raises BadInput, NotFound."""

    def operation(work: Work) -> list[Bmc]:
        finder = Finder(work, float(str(settings(work, CORE_SETTINGS)["power.timeout_s"])))
        return [finder.find(node) for node in select_all(work, hostlists)]

    return luna.read(operation)


def pace_of(luna: Luna, *, parallel: int | None = None, stagger_s: float | None = None) -> Pace:
    """How fast to go: as given, else as the cluster's settings say."""
    values = luna.read(lambda work: settings(work, CORE_SETTINGS))
    chosen = int(str(values["power.parallel"])) if parallel is None else parallel
    apart = float(str(values["power.stagger_s"])) if stagger_s is None else stagger_s
    return Pace(parallel=max(1, chosen), stagger_s=max(0.0, apart))


def ask(bmcs: Sequence[Bmc], call: Call, machine: MachineSettings, pace: Pace) -> Replies:
    """Each node's reply as it comes, exactly one for each; whatever fails is a sentence in the reply of its node."""
    yield from (Reply(node=one.node, error=one.problem) for one in bmcs if one.problem)
    jobs: dict[str, list[Job]] = defaultdict(list)
    for one in bmcs:
        if one.target is not None:
            deadline_s = call.patience * one.target.timeout_s
            job = Job(bmc=one.target, function=call.function, deadline_s=deadline_s, inrush=call.inrush)
            jobs[one.driver].append(job)
    sources = [partial(_ask_driver, name, of_driver, machine, pace) for name, of_driver in jobs.items()]
    yield from sources[0]() if len(sources) == 1 else _merged(sources)


def _ask_driver(name: str, jobs: Sequence[Job], machine: MachineSettings, pace: Pace) -> Iterator[Reply]:
    try:
        driver_class = type(drivers.load("luna.bmc", name, machine))
    except LunaError as error:
        yield from (Reply(node=job.bmc.node, error=f"node {job.bmc.node}: {error}") for job in jobs)
        return
    if driver_class.parallel == "processes":
        yield from pool.replies(jobs, driver_class, pace)
    else:
        yield from Schedule(jobs, partial(ThreadWorker, driver_class), pace).replies()


def _merged(sources: Sequence["partial[Iterator[Reply]]"]) -> Iterator[Reply]:
    """The replies of several drivers as they come."""
    queue: SimpleQueue[Reply | None] = SimpleQueue()

    def drain(source: "partial[Iterator[Reply]]") -> None:
        try:
            for reply in source():
                queue.put(reply)
        finally:
            queue.put(None)

    for source in sources:
        threading.Thread(target=drain, args=(source,), daemon=True).start()
    running = len(sources)
    while running:
        reply = queue.get()
        if reply is None:
            running -= 1
        else:
            yield reply
