"""Hostlists: many names in one text, as in node[001-128],!node007 or @compute&@tag:gpu (ClusterShell's notation)."""

import re
from collections.abc import Callable, Iterable, Sequence

from luna_core.errors import BadInput

MOST_NAMES = 100_000
LONGEST_NAME = 253  # of a domain name (RFC 1035)
LONGEST_SHOWN = 200
_TOKEN = re.compile(r"[,!&^]+|(?:\[[^\]]*\]?|[^,!&^\[])+")
_RANGES = re.compile(r"\[([^\[\]]*)\]")
_PART = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12})(?:/([0-9]{1,6}))?)?")
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
    first, *rest = _tokens(text.strip(" ,"))
    result = _names(text, first, named)
    for operator, operand in zip(rest[::2], [*rest[1::2], ""], strict=False):
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
    items = _tokens(text)
    if {*items[1::2]} - {","}:
        raise _bad(text, "ports are separated by single commas")
    for item in items[::2]:
        ports += _ports(text, f"[{item}]" if _PART.fullmatch(item) else item)
        _refuse_too_many(text, len(ports))
    return ports


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which node9 comes before node10."""
    parts = [
        (len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (0, part)
        for index, part in enumerate(re.split("([0-9]+)", name))
    ]
    return [*parts, (0, name)]  # node1 and node01 are never equal


def _tokens(text: str) -> list[str]:
    """Operands and operators by turns. Spaces between names stand for commas, those around operators for nothing."""
    closed = re.sub(r"\s*([,!&^])\s*", r"\1", text.strip())
    return _TOKEN.findall(re.sub(r"\s+", ",", closed)) or [""]


def _ports(text: str, item: str) -> list[str]:
    found = _RANGES.search(item)
    if not found:
        if not item or set(item) & set("[],!&^"):
            raise _bad(text, f"{item!r} is no port")
        return [item]
    before, after = item[: found.start()], item[found.end() :]
    rest = _ports(text, after) if after else [""]
    numbers = [number for part in found.group(1).split(",") for number in _numbers(text, part)]
    _refuse_too_many(text, len(numbers) * len(rest))
    return [f"{before}{number}{end}" for number in numbers for end in rest]


def _names(text: str, operand: str, named: Callable[[str], Iterable[str]] | None) -> set[str]:
    if operand.startswith("@"):
        if named is None:
            raise _bad(text, f"{operand!r} names a set, but only names are accepted here")
        return set(named(operand[1:]))
    length = len(_RANGES.sub("", operand))
    if not operand or length > LONGEST_NAME or not operand.isascii() or not _OPERAND.fullmatch(operand):
        raise _bad(text, f"{operand!r} is no name")
    if "[" not in operand:
        return {operand}
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    _refuse_too_many(text, _count(text, operand))
    try:
        return set(NodeSet(operand, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise _bad(text, str(error)) from error


def _count(text: str, operand: str) -> int:
    """How many names an operand has, told before they are made: [1-999999999] would fill the memory."""
    total = 1
    for ranges in _RANGES.findall(operand):
        total *= sum(len(_range(text, part)[0]) for part in ranges.split(","))
    return total


def _numbers(text: str, part: str) -> Sequence[str]:
    numbers, digits = _range(text, part)
    _refuse_too_many(text, len(numbers))
    return [f"{number:0{digits}d}" for number in numbers]


def _range(text: str, part: str) -> tuple[range, int]:
    found = _PART.fullmatch(part)
    if not found:
        raise _bad(text, f"{part!r} is no range")
    first, last, step = found.groups()
    start, stop = int(first), int(last or first)
    if stop < start or (step and not int(step)):
        raise _bad(text, f"{part!r} is an empty range")
    return range(start, stop + 1, int(step or 1)), len(first)


def _refuse_too_many(text: str, count: int) -> None:
    if count > MOST_NAMES:
        raise _bad(text, f"it has more than {MOST_NAMES} names")


def _bad(text: str, why: str) -> BadInput:
    given, why = _shortened(text), _shortened(why)
    return BadInput(f"hostlist {given!r}: {why}; accepted is a hostlist as in node[001-040],!node007 or @group.")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
