"""Hostlists: many names in one text, as in node[001-128],!node007 or @compute&@tag:gpu (ClusterShell's notation)."""

import re
from collections.abc import Callable, Iterable, Sequence

from luna_core.errors import BadInput

MOST_NAMES = 100_000
_OPERATOR = re.compile(r"([,!&^]+)(?![^\[]*\])")
_RANGES = re.compile(r"\[([^\[\]]*)\]")
_PART = re.compile(r"(\d{1,12})(?:-(\d{1,12})(?:/(\d{1,6}))?)?")
_OPERAND = re.compile(r"[A-Za-z0-9_.-]*(\[[0-9,/-]+\][A-Za-z0-9_.-]*)*")
_COMBINE: dict[str, Callable[[set[str], set[str]], set[str]]] = {
    ",": set.union,
    "!": set.difference,
    "&": set.intersection,
    "^": set.symmetric_difference,
}


def expand(text: str, named: Callable[[str], Iterable[str]] | None = None) -> list[str]:
    """The names in `text`, each once, in natural order; `named` gives the members of an `@set`.

    Sets combine from left to right: `,` adds, `!` (or `,!`) takes away, `&` keeps what both have, `^` what one has.
    Raises BadInput for what is no hostlist, and for more than 100,000 names.
    """
    first, *rest = _OPERATOR.split(text.replace(" ", "").strip(","))
    result = _names(text, first, named)
    for operator, operand in zip(rest[::2], rest[1::2], strict=True):
        combine = _COMBINE.get(operator.lstrip(",") or ",")
        if combine is None or not operand:
            raise _bad(text, f"{operator!r} needs a set on each side")
        result = combine(result, _names(text, operand, named))
        _refuse_too_many(text, len(result))
    return sorted(result, key=natural)


def fold(names: Iterable[str]) -> str:
    """`names` as one hostlist, as short as can be."""
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    return str(NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP))


def expand_ports(text: str) -> list[str]:
    """Like expand, but in the order given and with plain numbers, as in 1-40 or Gi1/0/[1-48]."""
    ports: list[str] = []
    for item in re.split(r",(?![^\[]*\])", text):
        plain = _PART.fullmatch(item)
        prefix, ranges, suffix = ("", item, "") if plain else _split_ranges(item)
        if ranges is None:
            ports.append(item)
            continue
        for part in ranges.split(","):
            ports += [f"{prefix}{number}{suffix}" for number in _numbers(text, part)]
        _refuse_too_many(text, len(ports))
    return ports


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which node9 comes before node10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _split_ranges(item: str) -> tuple[str, str | None, str]:
    found = _RANGES.search(item)
    return (item[: found.start()], found.group(1), item[found.end() :]) if found else (item, None, "")


def _names(text: str, operand: str, named: Callable[[str], Iterable[str]] | None) -> set[str]:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    if operand.startswith("@"):
        if named is None:
            raise _bad(text, f"{operand!r} names a set, but only names are accepted here")
        return set(named(operand[1:]))
    if not operand or not operand.isascii() or not _OPERAND.fullmatch(operand):
        raise _bad(text, f"{operand!r} is no name")
    _refuse_too_many(text, _count(text, operand))
    try:
        return set(NodeSet(operand, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise _bad(text, str(error)) from error


def _count(text: str, operand: str) -> int:
    """How many names an operand has, told before they are made: [1-999999999] would fill the memory."""
    total = 1
    for ranges in _RANGES.findall(operand):
        total *= sum(len(_numbers(text, part)) for part in ranges.split(","))
    return total


def _numbers(text: str, part: str) -> Sequence[str]:
    found = _PART.fullmatch(part)
    if not found:
        raise _bad(text, f"{part!r} is no range")
    first, last, step = found.groups()
    start, stop = int(first), int(last or first)
    if stop < start or step == "0":
        raise _bad(text, f"{part!r} is an empty range")
    numbers = range(start, stop + 1, int(step or 1))
    _refuse_too_many(text, len(numbers))
    return [f"{number:0{len(first)}d}" for number in numbers]


def _refuse_too_many(text: str, count: int) -> None:
    if count > MOST_NAMES:
        raise _bad(text, f"it has more than {MOST_NAMES} names")


def _bad(text: str, why: str) -> BadInput:
    return BadInput(f"hostlist {text!r}: {why}; accepted is a hostlist as in node[001-040],!node007 or @group.")
