"""Which node a machine is: by its MACs, else by what discovery plugins saw. An identity is never taken silently."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luna_core.errors import BadInput
from luna_core.model import Network, Node
from luna_core.model.boot import UnknownMachine
from luna_core.model.fields import normal_mac
from luna_core.operations.inherit import Lineages
from luna_core.operations.interfaces import set_mac
from luna_core.operations.work import Work
from luna_core.types import IPAddress, Sighting

if TYPE_CHECKING:
    from luna_core.hooks import Hooks

BOOT_INTERFACE = "BOOTIF"
KEPT_UNKNOWN = 1000


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine says of itself; `macs` are normal, the one that booted first."""

    macs: tuple[str, ...]
    address: str
    serial: str = ""
    asset_tag: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The node, if it is known; else the reason in words."""

    node: Node | None = None
    reason: str = ""


def normal_macs(given: Sequence[str]) -> tuple[str, ...]:
    """The valid MACs among those that a machine sent, each once, in their order; firmware sends odd ones too."""
    macs: dict[str, None] = {}
    for one in given:
        try:
            macs[normal_mac(one)] = None
        except ValueError:
            continue
    return tuple(macs)


def by_mac(work: Work, machine: Machine) -> Verdict:
    """The one node to which the MACs belong."""
    found: dict[str, Node] = {}
    for mac in machine.macs:
        for owner in work.owners("mac", mac, mac):
            if owner.kind == Node.kind:
                found[owner.id] = work.by_id(Node, owner.id)
    if len(found) > 1:
        names = " and ".join(sorted(node.name for node in found.values()))
        return Verdict(reason=f"Its cards belong to {names}; take a MAC from one of them.")
    return Verdict(node=next(iter(found.values()), None))


def ask_plugins(hooks: "Hooks", machine: Machine) -> list[Sighting]:
    """Every sighting of the machine's MACs, the most certain and newest first."""
    sightings = [answer.value for answer in hooks.luna_discover(machine.macs)] if machine.macs else []
    return sorted(sightings, key=lambda one: (-one.confidence, one.age_s))


def by_sightings(work: Work, machine: Machine, sightings: Sequence[Sighting]) -> Verdict:
    """The node that the best sightings agree on; it gets the MAC if it has none yet."""
    best = [one for one in sightings if one.node and one.confidence == sightings[0].confidence]
    names = sorted({one.node for one in best if one.node})
    if not names:
        return Verdict(reason="No switch port or other place tells which node it is.")
    if len(names) > 1:
        return Verdict(reason=f"It was seen where {' and '.join(names)} belong.")
    node = work.find(Node, names[0])
    if node is None:
        return Verdict(reason=f"It was seen where {names[0]} belongs, which is no node.")
    return _bind(work, node, machine, f"seen at {best[0].place}")


def choose(work: Work, machine: Machine, name: str) -> Verdict:
    """Give a machine the name of a node that has no MAC yet. Raises NotFound, BadInput for one that has."""
    verdict = _bind(work, work.get(Node, name), machine, "chosen at its console")
    if verdict.node is None:
        raise BadInput(f"node {name}: {verdict.reason}")
    return verdict


def free_nodes(work: Work, limit: int) -> list[Node]:
    """Nodes whose boot interface has no MAC yet."""
    return [node for node in work.all(Node) if not _boot_mac(node)][:limit]


def remember_unknown(work: Work, machine: Machine, reason: str, sightings: Sequence[Sighting], time: str) -> None:
    """Keep what is known of a machine without a name; the oldest are forgotten, so that nobody can fill the store."""
    if not machine.macs:
        return
    known = {one.name: one for one in work.all(UnknownMachine)}
    earlier = known.get(_machine_name(machine))
    values = {
        "name": _machine_name(machine),
        "macs": machine.macs,
        "first_seen": earlier.first_seen if earlier else time,
        "last_seen": time,
        "address": machine.address,
        "serial": machine.serial[:128],
        "asset_tag": machine.asset_tag[:128],
        "reason": reason,
        "sightings": tuple(one.place for one in sightings),
    }
    work.put(earlier.changed(**values) if earlier else UnknownMachine.new(**values))
    for old in sorted(known.values(), key=lambda one: one.last_seen)[: max(0, len(known) - KEPT_UNKNOWN)]:
        work.remove(old)


def forget_unknown(work: Work, machine: Machine) -> None:
    """The machine has a name now."""
    for one in work.all(UnknownMachine):
        if set(one.macs) & set(machine.macs):
            work.remove(one)


def is_plausible(work: Work, node: Node, address: IPAddress, neighbour_mac: str | None) -> bool:
    """Whether a request for a node can come from the node.

    Its MAC is the proof where the controller's neighbour table knows it; else, behind a router, the node's own
    address or one of a DHCP pool is. Anybody could ask for the node's session otherwise.
    """
    if neighbour_mac is not None:
        return neighbour_mac in node.macs()
    if any(one.address == address for one in node.addresses):
        return True
    networks = {
        name for spec in Lineages(work).of(node.group).interfaces(node).values() for name in spec.networks or ()
    }
    subnets = (work.by_id(Network, one).subnet_of(address) for one in networks)
    return any(subnet and subnet.dhcp_range and address in subnet.dhcp_range for subnet in subnets)


def _bind(work: Work, node: Node, machine: Machine, how: str) -> Verdict:
    if not machine.macs:
        return Verdict(reason="It sent no valid MAC.")
    taken = by_mac(work, machine)
    if taken.node is not None and taken.node.id != node.id:
        return Verdict(reason=f"Its MAC belongs to {taken.node.name}, but it is {how}, where {node.name} belongs.")
    current = _boot_mac(node)
    if current and current not in machine.macs:
        return Verdict(reason=f"It is {how}, but {node.name} has another MAC, {current}.")
    return Verdict(node=node if current else set_mac(work, node.name, BOOT_INTERFACE, machine.macs[0]))


def _boot_mac(node: Node) -> str | None:
    interface = node.interfaces.get(BOOT_INTERFACE)
    return interface.mac if interface else None


def _machine_name(machine: Machine) -> str:
    return machine.macs[0].replace(":", "-")
