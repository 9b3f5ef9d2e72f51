"""Weighs what discovery plugins say of a machine: which answer names it, which disagree, or why it has to wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from luna_core.errors import LunaError
from luna_core.types import Answer, Machine, SettingValue, Sighting

Found = Answer[Sighting]


class Waits(LunaError):
    """The machine can't be given a name now; `command` is what an administrator may do about it."""

    def __init__(self, reason: str, command: str = "") -> None:
        super().__init__(reason)
        self.command = command


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The answer that names the machine, those of lower rank that name another node, and ports where none belongs."""

    best: Found
    others: tuple[Found, ...] = ()
    elsewhere: tuple[Found, ...] = ()


def weigh(machine: Machine, answers: Sequence[Found]) -> Weighed:
    """The answer that counts. Raises Waits if there is none, or if one that counts as much names another node."""
    good = [one for one in answers if target(one) and not _fault(one, machine, answers)]
    if not good:
        raise Waits(_why_none(machine, answers), adoption(machine))
    rank = _ranks(machine.settings)
    first = min(rank.get(one.plugin, len(rank)) for one in good)
    best = [one for one in good if rank.get(one.plugin, len(rank)) == first]
    named = sorted({target(one) for one in best})
    if len(named) > 1:
        claims = "; ".join(says(one) for one in best)
        raise Waits(f"It could be {' and '.join(named)}: {claims}.", f"{adoption(machine, named[0])} --replace")
    others = (one for one in good if one.value.node and target(one) not in named)
    elsewhere = (
        one for one in answers if one.value.port and not target(one) and not _weakness(one.value, machine.settings)
    )
    return Weighed(best=best[0], others=tuple(others), elsewhere=tuple(elsewhere))


def is_good(one: Found, settings: Mapping[str, SettingValue]) -> bool:
    """Whether it names something, and is new and sure enough to."""
    return bool(target(one)) and not _weakness(one.value, settings)


def target(one: Found) -> str:
    """What it names in words, `node001` or `a node of group compute`; nothing if it names nothing."""
    sighting = one.value
    return sighting.node or (f"a node of group {sighting.group}" if sighting.group else "")


def says(one: Found) -> str:
    """The answer in words."""
    return f"{one.value.place} says {target(one)}"


def adoption(machine: Machine, node: str = "NODE") -> str:
    """The command that gives the machine a name."""
    return f"luna node adopt {machine.macs[0].replace(':', '-')} {node}" if machine.macs else ""


def _fault(one: Found, machine: Machine, answers: Sequence[Found]) -> str:
    """Why an answer that names something doesn't count, or nothing.

    A card is in one place only, so what its finder is surest of counts. And anybody can claim another machine's card;
    where the asking one is plugged in is harder to forge.
    """
    if weakness := _weakness(one.value, machine.settings):
        return weakness
    seen = [each for each in answers if each.plugin == one.plugin and not _weakness(each.value, machine.settings)]
    for each in seen:
        if each.value.mac == one.value.mac and each.value.confidence > one.value.confidence:
            return f"it is at {each.value.place} more surely"
        if each.value.mac == machine.macs[0] != one.value.mac and not target(each):
            return f"by another card than the one that it boots from, which is at {each.value.place}"
    return ""


def _weakness(sighting: Sighting, settings: Mapping[str, SettingValue]) -> str:
    oldest_s = float(str(settings.get("discovery.max_age_seconds", "inf")))
    least = float(str(settings.get("discovery.min_confidence", 0)))
    if sighting.age_s > oldest_s:
        return f"that was {sighting.age_s:.0f} s ago, and at most {oldest_s:.0f} s may name it"
    if sighting.confidence < least:
        return f"that is only {sighting.confidence:.0%} certain, and {least:.0%} may name it"
    return ""


def _why_none(machine: Machine, answers: Sequence[Found]) -> str:
    reasons = ["No node has one of its MACs"]
    for one in answers:
        if target(one):
            reasons.append(f"{says(one)}, but {_fault(one, machine, answers)}")
        else:
            reasons.append(f"it was seen at {one.value.place}, where no node belongs")
    if not answers:
        reasons.append("no switch port or other place tells which node it is")
    return "; ".join(dict.fromkeys(reasons)) + "."


def _ranks(settings: Mapping[str, SettingValue]) -> dict[str, int]:
    listed = settings.get("discovery.rank", ())
    return {name: index for index, name in enumerate(listed)} if isinstance(listed, tuple) else {}
