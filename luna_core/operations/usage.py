"""What of a network's addresses is used, by whom, and what is free."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from luna_core.model import KINDS, AddressRange, Network, Subnet
from luna_core.model.objects import ADDRESS, keyed_address
from luna_core.operations.addresses import Pool
from luna_core.operations.forms import outward
from luna_core.operations.inherit import the_cluster
from luna_core.operations.work import Work
from luna_core.types import IPAddress, IPNetwork


@dataclass(frozen=True, kw_only=True)
class SubnetUsage:
    """How many addresses of a subnet hosts have, are held back (gateway, DHCP range, reserved), and are free."""

    network: IPNetwork
    used: int
    held_back: int
    free: int


@dataclass(frozen=True, kw_only=True)
class AddressUse:
    """An address or range and what it is for."""

    addresses: AddressRange
    owner: str


def usage(work: Work, network: Network) -> list[SubnetUsage]:
    """The usage of each subnet."""
    return [_subnet_usage(work, network, subnet) for subnet in network.subnets]


def uses(work: Work, network: Network) -> list[AddressUse]:
    """Every address and range that is not free, in order."""
    found = [
        AddressUse(addresses=AddressRange(first=address, last=address), owner=owner)
        for address, owner in _hosts(work, network)
    ]
    for subnet in network.subnets:
        if subnet.gateway:
            found.append(AddressUse(addresses=AddressRange(first=subnet.gateway, last=subnet.gateway), owner="gateway"))
        if subnet.dhcp_range:
            found.append(AddressUse(addresses=subnet.dhcp_range, owner="DHCP range"))
        found += [AddressUse(addresses=one, owner=f"reserved {one.comment}".rstrip()) for one in subnet.reserved]
    return sorted(found, key=lambda one: (one.addresses.first.version, int(one.addresses.first), one.owner))


def next_free(work: Work, network: Network) -> list[IPAddress]:
    """The address that the next node would get, from each subnet; raises BadInput if one is full."""
    return [Pool(work, network, subnet).lowest_free() for subnet in network.subnets]


def _subnet_usage(work: Work, network: Network, subnet: Subnet) -> SubnetUsage:
    hosts = {int(address) for address, _ in _hosts(work, network) if address in subnet.network}
    ranges = [(int(one.first), int(one.last)) for one in subnet.held_back()]
    held_back = _size(ranges)
    taken = _size([*ranges, *((host, host) for host in hosts), *_unusable(subnet)])
    return SubnetUsage(
        network=subnet.network, used=len(hosts), held_back=held_back, free=subnet.network.num_addresses - taken
    )


def _unusable(subnet: Subnet) -> Iterable[tuple[int, int]]:
    for end in (subnet.network.network_address, subnet.network.broadcast_address):
        if not subnet.is_usable(end):
            yield int(end), int(end)


def _size(ranges: Iterable[tuple[int, int]]) -> int:
    """How many numbers the ranges hold, each counted once."""
    total, end = 0, -1
    for first, last in sorted(ranges):
        total += max(0, last - max(first, end + 1) + 1)
        end = max(end, last)
    return total


def _hosts(work: Work, network: Network) -> list[tuple[IPAddress, str]]:
    owners = work.owners(f"{ADDRESS}:{network.id}")
    names: dict[str, str] = {}
    for kind in {owner.kind for owner in owners}:
        ids = [owner.id for owner in owners if owner.kind == kind]
        names |= {one.id: f"{kind} {one.name}" for one in work.many(KINDS[kind], list(dict.fromkeys(ids)))}
    controller = [(one, "controller") for one in the_cluster(work).frontend_addresses if network.subnet_of(one)]
    return [*controller, *((keyed_address(owner.key.value), names[owner.id]) for owner in owners)]


def describe(work: Work, name: str, *, addresses: bool = False) -> dict[str, Any]:
    """A network in its outward form, with `usage` and, if `addresses`, in `taken` who has which address."""
    network = work.get(Network, name)
    shown = outward(work, network, defaults=True)
    counted = [vars(one) | {"network": str(one.network)} for one in usage(work, network)]
    taken = [{"addresses": str(one.addresses), "owner": one.owner} for one in uses(work, network)] if addresses else []
    return {**shown, "usage": counted, **({"taken": taken} if addresses else {})}
