"""Addresses of nodes: the lowest free one, kept through moves, and made to match the nodes' interfaces."""

from collections.abc import Iterable
from dataclasses import dataclass

from luna_core.errors import BadInput
from luna_core.hostlist import natural
from luna_core.model import AssignedAddress, Device, Group, Network, Node, Subnet
from luna_core.model.base import USES
from luna_core.model.fields import Family
from luna_core.model.objects import ADDRESS
from luna_core.operations.inherit import Lineages, below, the_cluster
from luna_core.operations.work import Work, walk_changes
from luna_core.types import IPAddress


@dataclass(frozen=True)
class Slot:
    """A place for an address: an interface's, in a network, of one family."""

    interface: str
    network: str
    family: Family

    @classmethod
    def of(cls, assigned: AssignedAddress) -> "Slot":
        """The place that an address has."""
        return cls(assigned.interface, assigned.network, assigned.address.version)


class Pool:
    """The addresses of one subnet during a transaction."""

    def __init__(self, work: Work, network: Network, subnet: Subnet) -> None:
        self._network, self._subnet = network, subnet
        changed = {change.subject.id for change in work.changes()}
        owners = work.owners(f"{ADDRESS}:{network.id}", f"{subnet.family}.", f"{subnet.family}.g")
        self._taken = {int(owner.key.value[2:], 16) for owner in owners if owner.id not in changed}
        self._taken |= {int(one) for one in _pending(work, network.id) if one.version == subnet.family}
        self._taken |= {int(one) for one in the_cluster(work).frontend_addresses if one in subnet.network}
        self._next = int(subnet.network.network_address)

    def lowest_free(self) -> IPAddress:
        """Take the lowest address that nobody has and nothing holds back; raises BadInput when there is none."""
        held_back = sorted(((int(one.first), int(one.last)) for one in self._subnet.held_back()), reverse=True)
        make = type(self._subnet.network.network_address)
        last = int(self._subnet.network.broadcast_address)
        while self._next <= last:
            while held_back and held_back[-1][1] < self._next:
                held_back.pop()
            if held_back and held_back[-1][0] <= self._next:
                self._next = held_back[-1][1] + 1
            elif self._next in self._taken or not self._subnet.is_usable(make(self._next)):
                self._next += 1
            else:
                self._taken.add(self._next)
                return make(self._next)
        raise BadInput(
            f"network {self._network.name}: no address is free in {self._subnet.network}: {len(self._taken)} are used, "
            f"and held back are {', '.join(map(str, self._subnet.held_back())) or 'none'}. "
            "Release a reserved range, or widen the network."
        )


def settle(work: Work, nodes: Iterable[Node] | None = None) -> None:
    """Make the addresses of `nodes`, or of every node that a change touches, match their interfaces.

    An address stays with its interface and network; else it goes to another interface on the same network; what is
    still missing gets the lowest free one, and what is left over is released. Raises BadInput for an address that
    its network can't have.
    """
    lineages = Lineages(work)
    pools: dict[tuple[str, Family], Pool] = {}
    with work.relying_on_references():
        for node in _touched(work) if nodes is None else nodes:
            addresses = _settled(work, node, _slots(work, lineages, node), pools)
            if addresses != node.addresses:
                work.put(node.model_copy(update={"addresses": addresses}))


def _settled(
    work: Work, node: Node, wanted: list[Slot], pools: dict[tuple[str, Family], Pool]
) -> tuple[AssignedAddress, ...]:
    kept = _keep(wanted, node.addresses)
    for slot in wanted:
        if slot not in kept:
            kept[slot] = _pool(work, pools, slot).lowest_free()
    addresses = tuple(
        AssignedAddress(interface=slot.interface, network=slot.network, address=kept[slot]) for slot in wanted
    )
    _refuse_misfits(work, node, addresses)
    return addresses


def misfit_of(work: Work, network_id: str, address: IPAddress) -> str:
    """Why an address can't be a host's in its network, as the end of a sentence; nothing if it can."""
    network = work.by_id(Network, network_id)
    subnet = network.subnet_of(address)
    if subnet is None or not subnet.is_usable(address):
        accepted = " or ".join(str(one.network) for one in network.subnets) or "none, it has no subnet"
        return f"accepted is a host's address in network {network.name}: {accepted}."
    if subnet.dhcp_range and address in subnet.dhcp_range:
        return f"accepted is one outside the DHCP range {subnet.dhcp_range} of network {network.name}."
    if address in the_cluster(work).frontend_addresses:
        return f"it is the controller's own. Accepted is another one in {subnet.network}."
    return ""


def _refuse_misfits(work: Work, node: Node, addresses: Iterable[AssignedAddress]) -> None:
    seen: dict[tuple[str, IPAddress], str] = {}
    for one in addresses:
        where = f"node {node.name}: addresses.{one.interface}: {one.address} was given"
        if misfit := misfit_of(work, one.network, one.address):
            raise BadInput(f"{where}; {misfit}")
        if (other := seen.setdefault((one.network, one.address), one.interface)) != one.interface:
            raise BadInput(f"{where}; its interface {other} has that. Accepted is one for each.")


def _touched(work: Work) -> list[Node]:
    """Nodes that changed, and those whose group or network did, in the order of their names."""
    ids = {after.id for _, after in walk_changes(work, Node) if after}
    groups = {after.id for before, after in walk_changes(work, Group) if after and before}
    for network, after in walk_changes(work, Network):
        if network and after and network.subnets != after.subnets:
            users = work.owners(f"{USES}:{network.id}")
            ids |= {owner.id for owner in users if owner.kind == Node.kind}
            groups |= {owner.id for owner in users if owner.kind == Group.kind}
    nodes = {node.id: node for node in (*work.many(Node, sorted(ids)), *below(work, groups)) if isinstance(node, Node)}
    return sorted(nodes.values(), key=lambda node: natural(node.name))


def _slots(work: Work, lineages: Lineages, node: Node) -> list[Slot]:
    return [
        Slot(name, network, subnet.family)
        for name, interface in lineages.of(node.group).interfaces(node).items()
        for network in dict.fromkeys(interface.networks or ())
        for subnet in work.by_id(Network, network).subnets
    ]


def _keep(wanted: list[Slot], addresses: Iterable[AssignedAddress]) -> dict[Slot, IPAddress]:
    kept: dict[Slot, IPAddress] = {}
    homeless: list[AssignedAddress] = []
    for one in addresses:
        slot = Slot.of(one)
        if slot in wanted and slot not in kept:
            kept[slot] = one.address
        else:
            homeless.append(one)
    for one in homeless:
        for slot in wanted:
            if slot not in kept and (slot.network, slot.family) == (one.network, one.address.version):
                kept[slot] = one.address
                break
    return kept


def _pool(work: Work, pools: dict[tuple[str, Family], Pool], slot: Slot) -> Pool:
    if (slot.network, slot.family) not in pools:
        network = work.by_id(Network, slot.network)
        subnet = next(one for one in network.subnets if one.family == slot.family)
        pools[slot.network, slot.family] = Pool(work, network, subnet)
    return pools[slot.network, slot.family]


def _pending(work: Work, network_id: str) -> Iterable[IPAddress]:
    for change in work.changes():
        if isinstance(change.after, Node | Device):
            yield from (one.address for one in change.after.addresses if one.network == network_id)
