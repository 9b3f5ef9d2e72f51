"""Networks: their subnets, reserved ranges, and moving one to another base with everything in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luna_core.errors import BadInput
from luna_core.model import DEVICES, KINDS, AddressRange, Device, Network, Node, Subnet
from luna_core.model.base import USES
from luna_core.model.fields import Family
from luna_core.model.objects import address_key, keyed_address
from luna_core.operations.objects import change
from luna_core.operations.work import Work
from luna_core.types import IPAddress, IPNetwork

FAMILIES: tuple[Family, ...] = (4, 6)


@dataclass(frozen=True, kw_only=True)
class SubnetChange:
    """What is to become of a network's subnets, each value finding its subnet by its family.

    `without` names fields that all subnets lose: gateway, dhcp_range.
    """

    networks: Sequence[IPNetwork] = ()
    gateways: Sequence[IPAddress] = ()
    ranges: Sequence[AddressRange] = ()
    without: frozenset[str] = frozenset()


def subnet_fields(
    name: str,
    current: Sequence[Subnet],
    networks: Sequence[IPNetwork],
    gateways: Sequence[IPAddress],
    ranges: Sequence[AddressRange],
) -> list[dict[str, Any]]:
    """The subnets that a command line's --network, --gateway and --dhcp make of the current ones, by family.

    A subnet that moves takes its gateway and ranges along, unless new ones are given.
    """
    made = []
    for family in FAMILIES:
        network = _of_family(name, "network", networks, family, lambda one: one.version)
        gateway = _of_family(name, "gateway", gateways, family, lambda one: one.version)
        pool = _of_family(name, "dhcp", ranges, family, lambda one: one.first.version)
        subnet = next((one for one in current if one.family == family), None)
        if subnet is None and network is None:
            if given := gateway or pool:
                raise BadInput(
                    f"network {name}: {given} was given; accepted is one in a subnet, give its --network too."
                )
            continue
        fields = _fields(name, subnet, network, replaced={"gateway": gateway, "dhcp_range": pool})
        made.append(fields | ({"gateway": str(gateway)} if gateway else {}) | _pool(pool))
    return made


def change_network(work: Work, name: str, fields: Mapping[str, Any], subnets: SubnetChange | None = None) -> Network:
    """Change a network's fields and subnets; everything in a subnet whose base moves is renumbered."""
    before = work.get(Network, name)
    given = dict(fields)
    if subnets:
        kept = [one.model_copy(update=dict.fromkeys(subnets.without)) for one in before.subnets]
        given["subnets"] = subnet_fields(name, kept, subnets.networks, subnets.gateways, subnets.ranges)
    after = change(work, Network, name, given)
    renumber(work, before, after)
    return after


def renumber(work: Work, before: Network, after: Network) -> None:
    """Give everything in a network whose base moved the same place in the new one."""
    for old in before.subnets:
        new = after.subnet(old.family)
        if new is None or new.network == old.network:
            continue
        for user in _members(work, before):
            where = f"network {after.name}: network: {new.network} was given; {user.kind} {user.name} has"
            moved = [
                one.model_copy(update={"address": _shift(where, one.address, old.network, new.network)})
                if one.network == before.id and one.address in old.network
                else one
                for one in user.addresses
            ]
            work.put(user.model_copy(update={"addresses": tuple(moved)}))


def reserve(work: Work, name: str, wanted: AddressRange) -> Network:
    """Keep a range from being handed out; raises BadInput if an object has an address in it."""
    network, subnet = _subnet_with(work, name, wanted)
    first, last = address_key(network.id, wanted.first), address_key(network.id, wanted.last)
    for owner in work.owners(first.space, first.value, last.value):
        user = f"{owner.kind} {work.name_of(KINDS[owner.kind], owner.id)}"
        raise BadInput(
            f"network {name}: reserved: {wanted} was given; {user} has {keyed_address(owner.key.value)}. "
            "Accepted is a range in which no address is used."
        )
    if any(one.first in wanted or wanted.first in one for one in subnet.reserved):
        raise BadInput(f"network {name}: reserved: {wanted} was given; accepted is a range apart from those reserved.")
    kept = sorted((*subnet.reserved, wanted), key=lambda one: int(one.first))
    return _with_reserved(work, network, subnet, kept)


def release(work: Work, name: str, unwanted: AddressRange) -> Network:
    """Give back reserved addresses: a whole reserved range, its ends, or a piece out of its middle."""
    network, subnet = _subnet_with(work, name, unwanted)
    kept: list[AddressRange] = []
    found = False
    for one in subnet.reserved:
        if unwanted.first not in one or unwanted.last not in one:
            kept.append(one)
            continue
        found = True
        if int(one.first) < int(unwanted.first):
            kept.append(one.changed_to(last=unwanted.first - 1))
        if int(unwanted.last) < int(one.last):
            kept.append(one.changed_to(first=unwanted.last + 1))
    if not found:
        accepted = ", ".join(map(str, subnet.reserved)) or "none, nothing is reserved"
        raise BadInput(f"network {name}: reserved: {unwanted} was given; accepted is a range within {accepted}.")
    return _with_reserved(work, network, subnet, kept)


def _members(work: Work, network: Network) -> list[Node | Device]:
    ids: dict[str, list[str]] = {}
    for owner in work.owners(f"{USES}:{network.id}"):
        ids.setdefault(owner.kind, []).append(owner.id)
    members: list[Node | Device] = [*work.many(Node, ids.get(Node.kind, []))]
    for model in DEVICES:
        members += work.many(model, ids.get(model.kind, []))
    return members


def _shift(where: str, address: IPAddress, old: IPNetwork, new: IPNetwork) -> IPAddress:
    offset = int(address) - int(old.network_address)
    if offset >= new.num_addresses:
        raise BadInput(f"{where} {address}. Accepted is a network with room for that.")
    return type(address)(int(new.network_address) + offset)


def _fields(name: str, subnet: Subnet | None, network: IPNetwork | None, replaced: Mapping[str, Any]) -> dict[str, Any]:
    """A subnet's fields, moved to another network if one is given, but for what is replaced."""
    if subnet is None:
        return {"network": str(network)}
    fields = subnet.model_dump(exclude={key for key, value in replaced.items() if value}, exclude_defaults=True)
    kept = Subnet.model_validate(fields)
    return (_moved(name, kept, network) if network else kept).model_dump(mode="json", exclude_defaults=True)


def _moved(name: str, subnet: Subnet, network: IPNetwork) -> Subnet:
    def shift(title: str, address: IPAddress) -> IPAddress:
        where = f"network {name}: network: {network} was given; its {title} has"
        return _shift(where, address, subnet.network, network)

    def shifted(title: str, one: AddressRange) -> AddressRange:
        return one.changed_to(first=shift(title, one.first), last=shift(title, one.last))

    return subnet.model_copy(
        update={
            "network": network,
            "gateway": subnet.gateway and shift("gateway", subnet.gateway),
            "dhcp_range": subnet.dhcp_range and shifted("DHCP range", subnet.dhcp_range),
            "reserved": tuple(shifted("reserved range", one) for one in subnet.reserved),
        }
    )


def _pool(pool: AddressRange | None) -> dict[str, Any]:
    return {"dhcp_range": {"first": str(pool.first), "last": str(pool.last)}} if pool else {}


def _of_family(name: str, field: str, given: Sequence[Any], family: Family, version: Callable[[Any], int]) -> Any:
    found = [one for one in given if version(one) == family]
    if len(found) > 1:
        raise BadInput(
            f"network {name}: {field}: {found[0]} and {found[1]} were given; accepted is one of each family."
        )
    return found[0] if found else None


def _subnet_with(work: Work, name: str, wanted: AddressRange) -> tuple[Network, Subnet]:
    network = work.get(Network, name)
    subnet = network.subnet_of(wanted.first)
    if subnet is None or wanted.last not in subnet.network:
        accepted = " or ".join(str(one.network) for one in network.subnets) or "none, it has no subnet"
        raise BadInput(f"network {name}: reserved: {wanted} was given; accepted is a range in {accepted}.")
    return network, subnet


def _with_reserved(work: Work, network: Network, subnet: Subnet, reserved: Sequence[AddressRange]) -> Network:
    replaced = subnet.model_copy(update={"reserved": tuple(reserved)})
    changed = network.changed(subnets=tuple(replaced if one == subnet else one for one in network.subnets))
    work.put(changed)
    return changed
