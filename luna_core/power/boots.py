"""From power-on to login: nodes that were just told to boot, followed until each is up or says why it isn't."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from luna_core.boot import sessions
from luna_core.boot.facts import boot_facts
from luna_core.boot.trace import progress_row
from luna_core.boot.why import why
from luna_core.errors import LunaError
from luna_core.model import Node
from luna_core.model.boot import BootSession
from luna_core.operations import Luna
from luna_core.operations.inherit import Lineages
from luna_core.operations.work import Work
from luna_core.power.actions import switch
from luna_core.power.ask import Bmc, Call, Pace, Replies, Reply
from luna_core.power.calls import boot_from_network

POLL_S = 1.0
BOOT_PATIENCE = 18.0  # three questions in one
WHAT_BOOTS = ("osimage", "image_version", "root", "local_boot")
UP, FAILED = "up", "failed"
POWERED = "powered on"
Newest = Mapping[str, BootSession | None]


def boot_nodes(
    luna: Luna,
    bmcs: Sequence[Bmc],
    pace: Pace,
    *,
    timeout_s: float | None,
    told: Callable[[Mapping[str, int]], object] = lambda phases: None,
) -> Replies:
    """Let nodes boot from the network; each node's reply when it is up or failed, or with no time-out when told.

    A node that lacks something to boot isn't touched. `told` gets the number of nodes in each phase when it changes.
    """
    lacking = _lacking(luna, bmcs)
    yield from (Reply(node=node, error=error) for node, error in lacking.items())
    able = [one for one in bmcs if one.node not in lacking]
    before = _newest(luna, able)
    began = []
    call = Call(function=boot_from_network, patience=BOOT_PATIENCE, inrush=True)
    for reply in switch(luna, able, call, "boot", pace):
        if reply.error or timeout_s is None:
            yield reply
        else:
            began.append(reply.node)
    if timeout_s is not None:
        yield from _followed(luna, [one for one in able if one.node in began], before, timeout_s, told)


def _followed(
    luna: Luna,
    bmcs: Sequence[Bmc],
    before: Newest,
    timeout_s: float,
    told: Callable[[Mapping[str, int]], object],
) -> Replies:
    began = time.monotonic()
    pending = {one.node: one for one in bmcs}
    phases: Counter[str] = Counter()
    while pending:
        for node, found in _newest(luna, list(pending.values())).items():
            phase = _phase(found, before[node])
            phases[phase] += 1
            if phase in (UP, FAILED):
                del pending[node]
                error = "" if phase == UP else why(luna, node)
                yield Reply(node=node, value=UP, error=error, seconds=time.monotonic() - began)
        told(dict(phases))
        phases = Counter({phase: phases[phase] for phase in (UP, FAILED) if phases[phase]})
        if not pending or time.monotonic() - began >= timeout_s:
            break
        time.sleep(POLL_S)
    for node in pending:
        yield Reply(node=node, error=f"It is not up after {timeout_s:g} s. {why(luna, node)}", seconds=timeout_s)


def _phase(found: BootSession | None, before: BootSession | None) -> str:
    """How far a node is; its boot before this one doesn't count."""
    if found is None or (before and found.id == before.id and not _was_refused_again(found, before)):
        return POWERED
    return found.outcome if found.outcome in (UP, FAILED, "installed") else str(progress_row(found)["phase"])


def _was_refused_again(found: BootSession, before: BootSession) -> bool:
    """A machine that is refused for the same reason goes on with the boot that it began when it was refused first."""
    is_refused = found.outcome == FAILED and found.events[-1].phase == sessions.REFUSED_PHASE
    return is_refused and found.touched != before.touched


def _newest(luna: Luna, bmcs: Sequence[Bmc]) -> Newest:
    def operation(work: Work) -> Newest:
        nodes = work.many(Node, [one.node_id for one in bmcs])
        return {node.name: next(iter(sessions.boots(work, node, limit=1)), None) for node in nodes}

    return luna.read(operation)


def _lacking(luna: Luna, bmcs: Sequence[Bmc]) -> dict[str, str]:
    """What keeps a node from booting, for those that lack something."""
    values, versions = luna.cluster_settings(), luna.settings.images_directory

    def operation(work: Work) -> dict[str, str]:
        found: dict[str, str] = {}
        bootable: set[tuple[object, ...]] = set()
        lineages = Lineages(work)
        for node in work.many(Node, [one.node_id for one in bmcs]):
            # One node of each kind is enough, as long as all is well: a manifest takes a while to read.
            kind = tuple(lineages.of(node.group).say(field, node).value for field in WHAT_BOOTS)
            try:
                if kind not in bootable:
                    boot_facts(work, values, node, versions)
                    bootable.add(kind)
            except LunaError as error:
                found[node.name] = str(error)
        return found

    return luna.read(operation)
