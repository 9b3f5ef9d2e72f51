"""Extra DNS records of networks."""

from luna_core.errors import AlreadyExists, BadInput
from luna_core.model import Network
from luna_core.operations.objects import change
from luna_core.operations.work import Work


def add_record(work: Work, network: str, name: str, kind: str, value: str) -> Network:
    """Add a record to a network's zone; raises AlreadyExists for one that it has, BadInput."""
    current = work.get(Network, network)
    wanted = {"name": name, "type": kind, "value": value}
    records = [one.model_dump() for one in current.records]
    if wanted in records:
        raise AlreadyExists(f"network {network}: records: it has {name} {kind} {value} already.")
    return change(work, Network, network, {"records": [*records, wanted]})


def remove_record(work: Work, network: str, name: str, kind: str | None = None, value: str | None = None) -> Network:
    """Remove the records of a name, of one type and with one value if given; raises BadInput if there are none."""
    current = work.get(Network, network)
    kept = [
        one
        for one in current.records
        if one.name != name or kind not in (None, one.type) or value not in (None, one.value)
    ]
    if len(kept) == len(current.records):
        known = ", ".join(f"{one.name} {one.type} {one.value}" for one in current.records) or "none"
        wanted = " ".join(part for part in (name, kind, value) if part)
        raise BadInput(f"network {network}: records: {wanted} was given; its records are {known}.")
    return change(work, Network, network, {"records": [one.model_dump() for one in kept]})
