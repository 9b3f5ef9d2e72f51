"""Interfaces of groups and nodes. A change to a group's interface reaches every node of the group."""

from collections.abc import Mapping
from typing import Any, TypeVar

from luna_core.errors import AlreadyExists, BadInput
from luna_core.model import AssignedAddress, Group, Network, Node
from luna_core.model.fields import normal_mac
from luna_core.operations.forms import inward, outward
from luna_core.operations.inherit import Lineages, members
from luna_core.operations.work import Work
from luna_core.types import IPAddress

T = TypeVar("T", bound=Group | Node)


def set_interface(
    work: Work, model: type[T], name: str, interface: str, fields: Mapping[str, Any], *, new: bool = False
) -> T:
    """Add an interface, or change one; None takes a value back. With `new` it must not exist yet."""
    current = work.get(model, name)
    said = outward(work, current).get("interfaces", {})
    if new and interface in said:
        raise AlreadyExists(f"{model.kind} {name}: it has an interface {interface} already; use 'interface change'.")
    if not new and interface not in _all(work, current):
        raise _unknown(work, current, interface)
    values = {**said.get(interface, {}), "absent": None, **fields}
    spec = {key: value for key, value in values.items() if value is not None}
    return _put(work, current, {**said, interface: spec})


def remove_interface(work: Work, model: type[T], name: str, interface: str) -> T:
    """Take an interface away and release its addresses; from a node also one that its group has."""
    current = work.get(model, name)
    if interface not in _all(work, current):
        raise _unknown(work, current, interface)
    said = {key: spec for key, spec in outward(work, current).get("interfaces", {}).items() if key != interface}
    if isinstance(current, Node) and interface in Lineages(work).of(current.group).group_interfaces:
        said[interface] = {"absent": True}
    return _put(work, current, said)


def rename_interface(work: Work, model: type[T], name: str, interface: str, new: str) -> T:
    """Give an interface another name; the addresses of it stay as they are, in a group those of all its nodes."""
    current = work.get(model, name)
    if interface not in current.interfaces:
        raise _unknown(work, current, interface)
    if new in _all(work, current):
        raise AlreadyExists(f"{model.kind} {name}: it has an interface {new} already; accepted is another name.")
    said = outward(work, current)["interfaces"]
    renamed = _put(
        work, current, {new if key == interface else key: _follow(spec, interface, new) for key, spec in said.items()}
    )
    for node in [renamed] if isinstance(renamed, Node) else members(work, {renamed.id}):
        work.put(_renamed_on_node(node, interface, new))
    return work.get(model, name)


def set_mac(work: Work, name: str, interface: str, mac: str | None, *, move: bool = False) -> Node:
    """Give a node's interface a MAC. With `move` it is taken from the node that has it."""
    if mac is not None and move:
        try:
            wanted = normal_mac(mac)
        except ValueError as error:
            raise BadInput(f"node {name}: interfaces.{interface}.mac: {mac!r} was given; {error}.") from error
        for owner in work.owners("mac", wanted, wanted):
            _release_mac(work, owner.id, owner.kind, wanted, name)
    return set_interface(
        work, Node, name, interface, {"mac": mac}, new=interface not in _all(work, work.get(Node, name))
    )


def set_address(work: Work, name: str, interface: str, address: IPAddress) -> Node:
    """Give a node's interface this address in place of the one it has in the same network."""
    node = work.get(Node, name)
    networks = [work.by_id(Network, one) for one in (_all(work, node).get(interface) or ())]
    network = next((one for one in networks if one.subnet_of(address)), None)
    if interface not in _all(work, node):
        raise _unknown(work, node, interface)
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


def _put(work: Work, current: T, interfaces: Mapping[str, Any]) -> T:
    fields = inward(work, type(current), current.name, {"interfaces": interfaces})
    changed: T = current.changed(**fields)  # type: ignore[assignment]  # mypy loses Self in a union
    work.put(changed)
    return changed


def _follow(spec: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    followed = dict(spec)
    if followed.get("parent") == old:
        followed["parent"] = new
    if "members" in followed:
        followed["members"] = [new if member == old else member for member in followed["members"]]
    return followed


def _renamed_on_node(node: Node, old: str, new: str) -> Node:
    interfaces = {new if key == old else key: spec for key, spec in node.interfaces.items()}
    addresses = tuple(
        one.model_copy(update={"interface": new}) if one.interface == old else one for one in node.addresses
    )
    return node.model_copy(update={"interfaces": interfaces, "addresses": addresses})


def _release_mac(work: Work, identity: str, kind: str, mac: str, receiver: str) -> None:
    if kind != Node.kind:
        return
    holder = work.by_id(Node, identity)
    if holder.name == receiver:
        return
    interfaces = {
        key: spec.model_copy(update={"mac": None}) if spec.mac == mac else spec
        for key, spec in holder.interfaces.items()
    }
    work.put(holder.model_copy(update={"interfaces": interfaces}))


def _unknown(work: Work, owner: Group | Node, interface: str) -> BadInput:
    accepted = ", ".join(_all(work, owner)) or "none, it has no interfaces"
    return BadInput(f"{owner.kind} {owner.name}: there is no interface {interface!r}; accepted are {accepted}.")
