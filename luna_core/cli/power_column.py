"""Whether nodes are on, beside what the store says of them; only where it is asked for, for BMCs take their time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.operations.explain import Said

power_option = click.option("--power", "with_power", is_flag=True, help="Ask the BMCs whether the nodes are on.")


def power_states(luna: "Luna", names: Iterable[str]) -> dict[str, str]:
    """`on`, `off` or `unknown` of each node; what is wrong with the last goes to standard error."""
    from luna_core.power.ask import Call, ask, find_bmcs, pace_of
    from luna_core.power.calls import state

    hostlist = ",".join(names)
    if not hostlist:
        return {}
    said = {}
    for reply in ask(find_bmcs(luna, [hostlist]), Call(function=state), luna.settings, pace_of(luna)):
        said[reply.node] = "unknown" if reply.error else str(reply.value)
        if reply.error:
            click.echo(f"{reply.node}: {reply.error.removeprefix(f'node {reply.node}: ')}", err=True)
    return said


def say_power(luna: "Luna", shown: "Sequence[Mapping[str, Said]]") -> "list[dict[str, Said]]":
    """What is said of nodes, and what their BMCs say."""
    from luna_core.operations.explain import Said

    states = power_states(luna, [said["name"].value for said in shown])
    return [{**said, "power": Said(states[said["name"].value], "BMC")} for said in shown]
