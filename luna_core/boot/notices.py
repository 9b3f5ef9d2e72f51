"""What was odd about who a booting machine is, kept with its boot until the store says something else."""

from collections.abc import Iterable
from shlex import quote

from luna_core.boot.waiting import waiting_for
from luna_core.boot.weigh import Found, Weighed, says
from luna_core.model import Node, Switch
from luna_core.model.boot import BootSession, Notice
from luna_core.operations.work import Work
from luna_core.types import Sighting


def notices(work: Work, node: Node, weighed: Weighed) -> tuple[Notice, ...]:
    """One notice for each node that something else takes the machine for, and one if it is at an unknown port."""
    made = [_other(work, node, weighed.best, one) for one in weighed.others]
    if node.switch and node.port:
        made += [_elsewhere(work, node, one.value) for one in weighed.elsewhere]
    return tuple({one.text: one for one in made}.values())


def unsettled(work: Work, session: BootSession) -> list[Notice]:
    """The notices of a boot about which nothing has been done yet."""
    return [one for one in session.notices if _identities(work, one.identities) == one.identities]


def oddities(work: Work, node: Node, newest: BootSession | None) -> list[str]:
    """In words with commands: notices of the newest boot, and machines that wait though something takes them for it."""
    waits = [(f"{one.name} waits for a name: {one.reason}", one.command) for one in waiting_for(work, node)]
    odd = [(one.text, one.command) for one in (unsettled(work, newest) if newest else ())]
    return [f"{text} If so: {command}" if command else text for text, command in (*odd, *waits)]


def identity(node: Node) -> str:
    """Everything by which a machine can be taken for this node."""
    return " ".join(str(one) for one in (*node.macs(), node.switch, node.port, node.serial, node.asset_tag))


def _identities(work: Work, ids: Iterable[str]) -> dict[str, str]:
    return {node.id: identity(node) for node in work.many(Node, list(ids))}


def _other(work: Work, node: Node, best: Found, found: Found) -> Notice:
    other = work.find(Node, found.value.node or "")
    return Notice(
        text=f"It is {node.name} by {best.value.place}, but {says(found)}.",
        command=_remedy(work, node, other, found.value.place) if other else "",
        identities={each.id: identity(each) for each in (node, other) if each},
    )


def _elsewhere(work: Work, node: Node, sighting: Sighting) -> Notice:
    expected = f"switch {work.name_of(Switch, node.switch or '')} port {node.port}"
    return Notice(
        text=f"{node.name} was seen at {sighting.place}, where no node belongs, and not at {expected}.",
        command=f"luna node move {node.name} --switch {sighting.switch} --port {quote(sighting.port or '')}",
        identities={node.id: identity(node)},
    )


def _remedy(work: Work, node: Node, other: Node, place: str) -> str:
    """If it was the node's place that changed, or else if it is the other node after all."""
    if other.switch and other.port:
        switch = work.by_id(Switch, other.switch).name
        if switch in place.split():
            return f"luna node move {node.name} --switch {switch} --port {quote(other.port)}"
    mac = next(iter(node.macs()), "MAC").replace(":", "-")
    return f"luna node adopt {mac} {other.name} --replace"
