"""Switching nodes on and off, with what has to be told afterwards; and waiting until they are."""

import time
from collections.abc import Mapping, Sequence

from luna_core.boot.sessions import now
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

    At the end it is kept who did it, and plugins hear of the nodes whose BMCs accepted it (luna_power_changed).
    """
    errors: dict[str, str] = {}
    try:
        for reply in ask(bmcs, call, luna.settings, pace):
            errors[reply.node] = reply.error
            yield reply
    finally:
        # Also if somebody lost patience half-way: what was switched was switched.
        said = {one.node_id: errors[one.node] for one in bmcs if one.node in errors}
        if said:
            _keep(luna, said, action)
        done = [node_id for node_id, error in said.items() if not error]
        if done and action != PowerAction.RESET:
            _tell(luna, done, leads_to(action))


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
    """What was last done to these nodes through luna, and what failed since, by their names."""
    found = luna.read(lambda work: work.many(PowerRecord, [one.node_id for one in bmcs]))
    by_id = {one.id: one for one in found}
    return {one.node: by_id[one.node_id] for one in bmcs if one.node_id in by_id}


def _keep(luna: Luna, errors: Mapping[str, str], action: str) -> None:
    """`errors` has for each node's id what went wrong, or an empty text."""
    did = {"action": action, "time": now(), "who": luna.who}

    def operation(work: Work) -> None:
        before = {one.id: one.body() for one in work.many(PowerRecord, list(errors))}
        for node in work.many(Node, list(errors)):
            error = errors[node.id]
            kept = {**before.get(node.id, {}), "failed": {**did, "error": error}} if error else {**did, "why": luna.why}
            work.put(PowerRecord.load({**kept, "id": node.id, "name": node.name}))

    luna.note(operation)


def _tell(luna: Luna, ids: Sequence[str], power: PowerState) -> None:
    values = luna.cluster_settings()

    def facts(work: Work) -> list[NodeFacts]:
        resolver = Resolver(work, values)
        return [resolver.node(node) for node in work.many(Node, ids)]

    for node in luna.read(facts):
        luna.hooks.luna_power_changed(node, power)
