"""Interfaces of groups and nodes. A change to a group's interface reaches every node of the group."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from luna_core.errors import AlreadyExists, BadInput, did_you_mean
from luna_core.model import AssignedAddress, Group, InterfaceSpec, Network, Node
from luna_core.model.fields import normal_mac
from luna_core.operations.forms import inward, outward
from luna_core.operations.inherit import Lineages, below
from luna_core.operations.work import Work
from luna_core.types import IPAddress, Owner

S = TypeVar("S", bound=InterfaceSpec)
T = TypeVar("T", bound=Group | Node)
_BMC = "BMC"


def set_interface(
    work: Work, model: type[T], name: str, interface: str, fields: Mapping[str, Any], *, new: bool = False
) -> T:
    """Add an interface, or change one; None takes a value back. With `new` it must not exist yet."""
    current = work.get(model, name)
    known = _all(work, current)
    said = outward(work, current).get("interfaces", {})
    if new and interface in said and interface in known:
        raise AlreadyExists(f"{model.kind} {name}: it has an interface {interface} already; use 'interface change'.")
    if not new and interface not in known:
        raise _unknown(current, interface, known)
    values = {**said.get(interface, {}), "absent": None, **fields}
    spec = {key: value for key, value in values.items() if value is not None}
    return _put(work, current, {**said, interface: spec})


def remove_interface(work: Work, model: type[T], name: str, interface: str) -> T:
    """Take an interface away and release its addresses; from a node also one that its group has."""
    current = work.get(model, name)
    if interface not in (known := _all(work, current)):
        raise _unknown(current, interface, known)
    inherited = interface in _inherited(work, current)
    if inherited and isinstance(current, Group) and interface not in current.interfaces:
        raise BadInput(f"group {name}: interface {interface} comes from a group above it; remove it there.")
    said = {key: spec for key, spec in outward(work, current).get("interfaces", {}).items() if key != interface}
    if inherited and isinstance(current, Node):
        said[interface] = {"absent": True}
    return _put(work, current, said)


def rename_interface(work: Work, model: type[T], name: str, interface: str, new: str) -> T:
    """Give an interface another name: it stays what it is, and keeps its addresses, in a group those of all below."""
    current = work.get(model, name)
    known = _all(work, current)
    if interface not in known:
        raise _unknown(current, interface, known)
    if interface in _inherited(work, current):
        raise BadInput(f"{model.kind} {name}: interface {interface} comes from a group above it; rename it there.")
    affected: list[Group | Node] = [current, *(below(work, {current.id}) if isinstance(current, Group) else ())]
    for one in affected:
        if new in one.interfaces or (one is current and new in known):
            raise AlreadyExists(f"{one.kind} {one.name}: it has an interface {new} already; accepted is another name.")
        work.put(_renamed(one, interface, new))
    spec = current.interfaces[interface]
    if spec.type is None and _BMC in (interface, new):
        # Its name alone had said what it is.
        return set_interface(work, model, name, new, {"type": "bmc" if interface == _BMC else "ethernet"})
    return work.get(model, name)


def set_mac(work: Work, name: str, interface: str, mac: str | None, *, move: bool = False) -> Node:
    """Give a node's interface a MAC. With `move` it is taken from the node that has it."""
    known = _all(work, work.get(Node, name))
    if mac is None and interface not in known:
        raise _unknown(work.get(Node, name), interface, known)
    if mac is not None and move:
        try:
            wanted = normal_mac(mac)
        except ValueError as error:
            raise BadInput(f"node {name}: interfaces.{interface}.mac: {mac!r} was given; {error}.") from error
        for owner in work.owners("mac", wanted, wanted):
            _release_mac(work, owner, (name, interface))
    return set_interface(work, Node, name, interface, {"mac": mac}, new=interface not in known)


def set_address(work: Work, name: str, interface: str, address: IPAddress) -> Node:
    """Give a node's interface this address in place of the one it has in the same network."""
    node = work.get(Node, name)
    known = _all(work, node)
    if interface not in known:
        raise _unknown(node, interface, known)
    networks = [work.by_id(Network, one) for one in known[interface] or ()]
    network = next((one for one in networks if one.subnet_of(address)), None)
    if network is None:
        accepted = (
            ", ".join(f"{subnet.network}" for one in networks for subnet in one.subnets) or "none, it has no network"
        )
        raise BadInput(
            f"node {name}: interface {interface}: {address} was given; accepted is an address in {accepted}."
        )
    others = [
        one
        for one in node.addresses
        if (one.interface, one.network, one.address.version) != (interface, network.id, address.version)
    ]
    assigned = AssignedAddress(interface=interface, network=network.id, address=address)
    changed = node.model_copy(update={"addresses": (*others, assigned)})
    work.put(changed)
    return changed


def _all(work: Work, owner: Group | Node) -> dict[str, tuple[str, ...] | None]:
    """Every interface of a group or node, inherited ones too, with its networks."""
    lineages = Lineages(work)
    if isinstance(owner, Node):
        return {key: spec.networks for key, spec in lineages.of(owner.group).interfaces(owner).items()}
    return {key: spec.networks for key, spec in lineages.of(owner.id).group_interfaces.items()}


def _inherited(work: Work, owner: Group | Node) -> Mapping[str, InterfaceSpec]:
    above = owner.group if isinstance(owner, Node) else owner.parent
    return Lineages(work).of(above).group_interfaces if above else {}


def _put(work: Work, current: T, interfaces: Mapping[str, Any]) -> T:
    fields = inward(work, type(current), current.name, {"interfaces": interfaces})
    changed: T = current.changed(**fields)  # type: ignore[assignment]  # mypy loses Self in a union
    work.put(changed)
    return changed


def _renamed(one: Group | Node, old: str, new: str) -> Group | Node:
    interfaces = {new if key == old else key: _follow(spec, old, new) for key, spec in one.interfaces.items()}
    if isinstance(one, Group):
        return one.changed(interfaces=interfaces)
    addresses = tuple(
        each.model_copy(update={"interface": new}) if each.interface == old else each for each in one.addresses
    )
    return one.changed(interfaces=interfaces, addresses=addresses)


def _follow(spec: S, old: str, new: str) -> S:
    """What an interface says of one that is renamed."""
    members = spec.members and tuple(new if member == old else member for member in spec.members)
    return spec.model_copy(update={"members": members, "parent": new if spec.parent == old else spec.parent})


def _release_mac(work: Work, owner: Owner, receiver: tuple[str, str]) -> None:
    for holder in work.many(Node, [owner.id] if owner.kind == Node.kind else []):
        interfaces = {
            key: spec.model_copy(update={"mac": None})
            if spec.mac == owner.key.value and (holder.name, key) != receiver
            else spec
            for key, spec in holder.interfaces.items()
        }
        work.put(holder.model_copy(update={"interfaces": interfaces}))


def _unknown(owner: Group | Node, interface: str, known: Collection[str]) -> BadInput:
    accepted = ", ".join(known) or "none, it has no interfaces"
    return BadInput(
        f"{owner.kind} {owner.name}: there is no interface {interface!r}; accepted are {accepted}."
        f"{did_you_mean(interface, known)}"
    )
