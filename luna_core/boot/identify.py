"""Which node a machine is: what plugins know of it, weighed. An identity is never taken silently."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from luna_core.boot.facts import BootFacts, boot_facts
from luna_core.boot.free import next_free
from luna_core.boot.notices import notices
from luna_core.boot.sessions import Refused
from luna_core.boot.view import View, Views
from luna_core.boot.waiting import rivals
from luna_core.boot.weigh import Found, Waits, Weighed, adoption, is_good, says, weigh
from luna_core.interfaces import NodeNames
from luna_core.model import Network, Node
from luna_core.model.boot import Notice
from luna_core.model.fields import normal_mac
from luna_core.operations import Luna
from luna_core.operations.inherit import Lineages
from luna_core.operations.interfaces import set_mac
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.types import IPAddress, Machine, Sighting

BOOT_INTERFACE = "BOOTIF"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The node, with the answer that just made it the machine's if it wasn't before; else why the machine waits.

    `facts` are what the node boots, as it was when it was recognised; None for one that was changed by that.
    """

    node: Node | None = None
    facts: BootFacts | None = None
    named_by: Found | None = None
    notices: tuple[Notice, ...] = ()
    waits: Waits | None = None
    answers: Sequence[Found] = ()


class StoredNames(NodeNames):
    """Nodes by the unique keys of the store."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def with_mac(self, mac: str) -> str | None:
        """The node that has this MAC."""
        return self._owner("mac", mac)

    def with_serial(self, serial: str) -> str | None:
        """The node with this serial number."""
        return self._owner("serial", serial)

    def with_asset_tag(self, asset_tag: str) -> str | None:
        """The node with this asset tag."""
        return self._owner("asset_tag", asset_tag)

    def _owner(self, space: str, value: str) -> str | None:
        owners = (one for one in self._work.owners(space, value, value) if one.kind == Node.kind)
        return next((self._work.name_of(Node, one.id) for one in owners), None)


def normal_macs(given: Sequence[str]) -> tuple[str, ...]:
    """The valid MACs among those that a machine sent, each once, in their order; firmware sends odd ones too."""
    macs: dict[str, None] = {}
    for one in given:
        try:
            macs[normal_mac(one)] = None
        except ValueError:
            continue
    return tuple(macs)


def recognise(luna: Luna, views: Views, machine: Machine, neighbour: str | None) -> Verdict:
    """Which node a machine is; a card that gets its name by this is written into the store.

    `neighbour` is the MAC that the request came from, if the controller can see it. Raises Refused for a machine that
    can't be the node that it says it is, and what `boot_facts` raises.
    """
    answers: list[Found] = []
    try:
        if not machine.macs:
            raise Waits("It sent no valid MAC.")
        asking, weighed, verdict = views.read(
            lambda work, view: _settled(work, view, luna, replace(machine, settings=view.settings), neighbour, answers)
        )
        if verdict.named_by:
            what = f"discovery: {says(weighed.best)} of {machine.macs[0]}"
            verdict = luna.change(lambda work: settle(work, asking, weighed, neighbour), what)
        return verdict
    except HasAnother as taken:
        return Verdict(waits=_why_taken(luna, taken), answers=answers)
    except Waits as waits:
        return Verdict(waits=waits, answers=answers)


def _settled(
    work: Work, view: View, luna: Luna, machine: Machine, neighbour: str | None, answers: list[Found]
) -> tuple[Machine, Weighed, Verdict]:
    """In one transaction, for a rack of nodes asks at once; `answers` gets what plugins know."""
    answers[:] = luna.hooks.luna_discover(machine.macs, machine, StoredNames(work))
    weighed = weigh(machine, answers)
    verdict = settle(work, machine, weighed, neighbour)
    if verdict.node and not verdict.named_by:
        facts = boot_facts(work, view.settings, verdict.node, luna.settings.images_directory, view=view)
        verdict = replace(verdict, facts=facts)
    return machine, weighed, verdict


def tell_identified(luna: Luna, node: Node, place: str) -> None:
    """Tell plugins that an administrator gave a machine its name."""
    values = luna.cluster_settings()
    facts = luna.read(lambda work: Resolver(work, values).node(work.by_id(Node, node.id)))
    luna.hooks.luna_node_identified(facts, Sighting(mac=node.macs()[0], place=place, node=node.name))


class HasAnother(Waits):
    """The node that the machine is taken for has another machine's MAC."""

    def __init__(self, node: Node, found: Found, mac: str, machine: Machine) -> None:
        super().__init__(
            f"{says(found)}, but {node.name} has another MAC, {mac}. Was its mainboard or card replaced?",
            f"{adoption(machine, node.name)} --replace",
        )
        self.node = node
        self.found = found
        self.machine = machine


def settle(work: Work, machine: Machine, weighed: Weighed, neighbour: str | None) -> Verdict:
    """The node that the best answer names, with the asking card if it has none yet. Raises Waits, Refused."""
    found = weighed.best
    node = _meant(work, machine, found)
    _refuse_owned(work, machine, found, node)
    mac, own, named_by = neighbour or machine.macs[0], set(node.macs()), None
    forged = mac not in machine.macs
    if forged and own & set(machine.macs):
        raise _refused(machine, node)
    if forged or not own & ({neighbour} if neighbour else set(machine.macs)):
        node, named_by = _bound(work, machine, found, node, mac), found
    if not is_plausible(work, node, ip_address(machine.address), neighbour):
        raise _refused(machine, node)
    return Verdict(node=node, named_by=named_by, notices=notices(work, node, weighed))


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


def _meant(work: Work, machine: Machine, found: Found) -> Node:
    sighting = found.value
    if sighting.group and not sighting.node:
        return next_free(work, sighting.group, machine.settings)
    node = work.find(Node, sighting.node or "")
    if node is None:
        raise Waits(f"{says(found)}, which is no node.", adoption(machine))
    return node


def _refuse_owned(work: Work, machine: Machine, found: Found, node: Node) -> None:
    for owner in (one for mac in machine.macs for one in work.owners("mac", mac, mac)):
        if owner.id != node.id:
            other = work.name_of(Node, owner.id) if owner.kind == Node.kind else f"a {owner.kind}"
            reason = f"{says(found)}, but its card {owner.key.value} belongs to {other}."
            raise Waits(reason, f"{adoption(machine, node.name)} --replace")


def _bound(work: Work, machine: Machine, found: Found, node: Node, mac: str) -> Node:
    if current := _boot_mac(node):
        raise HasAnother(node, found, current, machine)
    if mac not in machine.macs:
        raise _refused(machine, node)
    if found.value.node and (others := rivals(work, machine, found)):
        names = " and ".join(one.name for one in others)
        raise Waits(f"{says(found)}, but so it does of {names}, which waits too.", adoption(machine, node.name))
    return set_mac(work, node.name, BOOT_INTERFACE, mac)


def _refused(machine: Machine, node: Node) -> Refused:
    return Refused(f"{machine.address} is not where {node.name} can be.")


def _boot_mac(node: Node) -> str | None:
    interface = node.interfaces.get(BOOT_INTERFACE)
    return interface.mac if interface else None


def _why_taken(luna: Luna, taken: HasAnother) -> Waits:
    """Whether the node's own machine is in the same place still: then there are two, and neither was replaced."""
    machine, place = taken.machine, taken.found.value.place
    own = Machine(macs=tuple(set(taken.node.macs()) - set(machine.macs)), settings=machine.settings)
    for one in luna.read(lambda work: luna.hooks.luna_discover(own.macs, own, StoredNames(work))):
        if is_good(one, machine.settings) and one.value.place == place:
            reason = f"{says(taken.found)}, but {taken.node.name} itself, {one.value.mac}, is there too."
            return Waits(f"{reason} Two machines are in one place.", adoption(machine))
    return taken
