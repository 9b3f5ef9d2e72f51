"""Machines that wait for a name: what is known of them, and why they have none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from luna_core.boot.weigh import Found, Waits
from luna_core.errors import NotFound
from luna_core.model import Node
from luna_core.model.boot import SeenAt, UnknownMachine
from luna_core.model.fields import normal_mac
from luna_core.operations.work import Work
from luna_core.types import Machine

KEPT_UNKNOWN = 1000
LONGEST_TEXT = 128
# Twelve times as long as a machine in the menu waits before it asks again.
STILL_THERE = timedelta(minutes=2)


def remember(work: Work, machine: Machine, waits: Waits, answers: Sequence[Found], time: str) -> None:
    """Keep what is known of a machine without a name; the oldest are forgotten, so that nobody can fill the store."""
    if not machine.macs:
        return
    known = {one.name: one for one in work.all(UnknownMachine)}
    earlier = known.get(_name(machine.macs[0]))
    values: dict[str, Any] = {
        "name": _name(machine.macs[0]),
        "macs": machine.macs,
        "first_seen": earlier.first_seen if earlier else time,
        "last_seen": time,
        "address": machine.address,
        **{text: getattr(machine, text)[:LONGEST_TEXT] for text in ("serial", "asset_tag", "vendor", "product")},
        "reason": str(waits),
        "command": waits.command,
        "sightings": tuple(SeenAt(plugin=one.plugin, **vars(one.value)) for one in answers),
    }
    work.put(earlier.changed(**values) if earlier else UnknownMachine.new(**values))
    for old in sorted(known.values(), key=lambda one: one.last_seen)[: max(0, len(known) - KEPT_UNKNOWN)]:
        work.remove(old)


def forget(work: Work, macs: Sequence[str]) -> None:
    """No machine with one of these MACs waits any more."""
    for one in work.all(UnknownMachine):
        if set(one.macs) & set(macs):
            work.remove(one)


def find(work: Work, given: str) -> UnknownMachine:
    """The waiting machine that has this MAC, in any notation. Raises NotFound."""
    waiting = work.all(UnknownMachine)
    try:
        mac = normal_mac(given)
    except ValueError:
        mac = given
    found = next((one for one in waiting if mac in one.macs), None)
    if found is None:
        macs = [each for one in waiting for each in one.macs]
        raise NotFound("waiting machine", given, macs, lists="luna node unknown")
    return found


def waiting_for(work: Work, node: Node) -> list[UnknownMachine]:
    """The machines that something takes for this node but that may not have its name."""
    return [one for one in work.all(UnknownMachine) if any(seen.node == node.name for seen in one.sightings)]


def rivals(work: Work, machine: Machine, found: Found) -> list[UnknownMachine]:
    """Other machines that wait now and were seen in the same place, or that boot from a card that this one claims."""
    now = datetime.now(UTC)
    others = (
        one
        for one in work.all(UnknownMachine)
        # Either way: a clock that was ahead may have been set right since.
        if abs(now - datetime.fromisoformat(one.last_seen)) < STILL_THERE and one.macs[0] != machine.macs[0]
    )
    return [one for one in others if one.macs[0] in machine.macs or _is_at(one, found)]


def _is_at(one: UnknownMachine, found: Found) -> bool:
    sighting = found.value
    return any(seen.node == sighting.node and seen.place == sighting.place for seen in one.sightings)


def _name(mac: str) -> str:
    return mac.replace(":", "-")
