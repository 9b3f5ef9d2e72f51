"""Switching nodes on and off, with what has to be told afterwards; and waiting until they are."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from luna_core.model import Node
from luna_core.model.power import PowerRecord
from luna_core.operations import Luna
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.power.ask import Bmc, Call, Pace, Replies, Reply, ask
from luna_core.power.calls import state
from luna_core.types import Node as NodeFacts
from luna_core.types import PowerAction, PowerState

POLL_S = 1.0


def leads_to(action: str) -> PowerState:
    """What a machine is after an action, sooner or later."""
    return PowerState.OFF if action in (PowerAction.OFF, PowerAction.SOFT) else PowerState.ON


def switch(luna: Luna, bmcs: Sequence[Bmc], call: Call, action: str, pace: Pace) -> Replies:
    """Let a call change the power of nodes; `action` is a PowerAction, or `boot`.

    At the end it is kept who did it to those that accepted it, and plugins hear of them (luna_power_changed).
    """
    accepted: set[str] = set()
    try:
        for reply in ask(bmcs, call, luna.settings, pace):
            if not reply.error:
                accepted.add(reply.node)
            yield reply
    finally:
        # Also if somebody lost patience half-way: what was switched was switched.
        done = [one for one in bmcs if one.node in accepted]
        if done:
            _keep(luna, done, action)
            if action != PowerAction.RESET:
                _tell(luna, [one.node_id for one in done], leads_to(action))


def wait_for(luna: Luna, bmcs: Sequence[Bmc], wanted: PowerState, pace: Pace, timeout_s: float) -> Replies:
    """Each node's reply when it is in the wanted state; after `timeout_s` those that are not, with what they said."""
    deadline = time.monotonic() + timeout_s
    pending = {one.node: one for one in bmcs}
    said: dict[str, Reply] = {}
    while pending:
        for reply in ask(list(pending.values()), Call(function=state), luna.settings, pace):
            said[reply.node] = reply
            if reply.value is wanted:
                del pending[reply.node]
                yield reply
        if not pending or time.monotonic() >= deadline:
            break
        time.sleep(POLL_S)
    for node in pending:
        late = said[node].error or f"it is still {said[node].value} after {timeout_s:g} s."
        yield Reply(node=node, error=late, seconds=timeout_s)


def last_actions(luna: Luna, bmcs: Sequence[Bmc]) -> dict[str, PowerRecord]:
    """What was last done to these nodes through luna, by their names."""
    found = luna.read(lambda work: work.many(PowerRecord, [one.node_id for one in bmcs]))
    by_id = {one.id: one for one in found}
    return {one.node: by_id[one.node_id] for one in bmcs if one.node_id in by_id}


def _keep(luna: Luna, bmcs: Sequence[Bmc], action: str) -> None:
    time_of_it = datetime.now(UTC).isoformat(timespec="seconds")
    said = {"action": action, "time": time_of_it, "who": luna.who, "why": luna.why}

    def operation(work: Work) -> None:
        for node in work.many(Node, [one.node_id for one in bmcs]):
            work.put(PowerRecord.load({"id": node.id, "name": node.name, **said}))

    luna.note(operation)


def _tell(luna: Luna, ids: Sequence[str], power: PowerState) -> None:
    values = luna.cluster_settings()

    def facts(work: Work) -> list[NodeFacts]:
        resolver = Resolver(work, values)
        return [resolver.node(node) for node in work.many(Node, ids)]

    for node in luna.read(facts):
        luna.hooks.luna_power_changed(node, power)
