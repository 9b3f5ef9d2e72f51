"""Switching nodes on and off, with what has to be told afterwards; and waiting until they are."""

import time
from collections.abc import Iterator, Mapping, Sequence

from luna_core.model import Node
from luna_core.operations import Luna
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.power.ask import Bmc, Call, Pace, Reply, ask
from luna_core.power.calls import state
from luna_core.types import Node as NodeFacts
from luna_core.types import PowerAction, PowerState

POLL_S = 1.0
LEADS_TO: Mapping[PowerAction, PowerState] = {
    PowerAction.ON: PowerState.ON,
    PowerAction.OFF: PowerState.OFF,
    PowerAction.SOFT: PowerState.OFF,
    PowerAction.RESET: PowerState.ON,
    PowerAction.CYCLE: PowerState.ON,
}
"""What a machine is after an action, sooner or later."""


def switch(luna: Luna, bmcs: Sequence[Bmc], call: Call, leads_to: PowerState, pace: Pace) -> Iterator[Reply]:
    """Let a call change the power of nodes; plugins hear of those that accepted it (luna_power_changed) at the end."""
    accepted: list[str] = []
    try:
        for reply in ask(bmcs, call, luna.settings, pace):
            if not reply.error:
                accepted.append(reply.node)
            yield reply
    finally:
        # Also if somebody lost patience half-way: what was switched was switched.
        _tell(luna, [one.node_id for one in bmcs if one.node in accepted], leads_to)


def wait_for(luna: Luna, bmcs: Sequence[Bmc], wanted: PowerState, pace: Pace, timeout_s: float) -> Iterator[Reply]:
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


def _tell(luna: Luna, ids: Sequence[str], power: PowerState) -> None:
    if not ids:
        return
    values = luna.cluster_settings()

    def facts(work: Work) -> list[NodeFacts]:
        resolver = Resolver(work, values)
        return [resolver.node(node) for node in work.many(Node, ids)]

    for node in luna.read(facts):
        luna.hooks.luna_power_changed(node, power)
