"""What people call ports, in the short and the long forms that vendors print, and which port they mean."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from luna_discovery_switchport.snapshot import Port

# The forms of one kind of interface; each kind is known by its first form.
_FORMS = (
    ("fastethernet", "fa", "fas", "fe"),
    ("gigabitethernet", "gi", "gig", "ge", "gigaethernet", "gigabit"),
    ("twogigabitethernet", "tw", "two"),
    ("fivegigabitethernet", "fi", "five"),
    ("tengigabitethernet", "te", "ten", "xge", "xgigabitethernet", "tengige", "tengigaethernet", "tgigaethernet"),
    ("twentyfivegige", "twe", "twentyfivegigabitethernet", "25ge", "wge"),
    ("fortygige", "fo", "fortygigabitethernet", "40ge", "fge"),
    ("fiftygige", "fiftygigabitethernet", "50ge"),
    ("hundredgige", "hu", "hundredgigabitethernet", "100ge", "hge"),
    ("twohundredgige", "200ge"),
    ("fourhundredgige", "fh", "fourhundredgigabitethernet", "400ge"),
    ("ethernet", "eth", "et", "e"),
    ("", "port"),
)
_KINDS = {form: forms[0] for forms in _FORMS for form in forms}
# A kind, and the numbers of its place: slot, module, port, with a vendor's separators.
_PLACE = re.compile(r"(?P<kind>.*?[a-z]|)[ _-]?(?P<place>\d+(?:[/:.]\d+)*)")
_JUNOS = re.compile(r"(?P<port>[a-z]{2}-\d+/\d+/\d+(?::\d+)?)(?:\.0)?")


@cache
def canonical(name: str) -> str:
    """One form for all forms of a port's name; that of Junos' unit 0 is its port's."""
    text = name.strip().lower()
    if junos := _JUNOS.fullmatch(text):
        return junos["port"]
    if parts := _PLACE.fullmatch(text):
        kind = parts["kind"].replace(" ", "").replace("-", "").replace("_", "")
        return f"{_KINDS.get(kind, kind)} {parts['place']}"
    return text


@dataclass(frozen=True, kw_only=True)
class Match:
    """The ports that a configured text may mean; `by` says how: ifName, ifDescr, ifAlias, ifIndex or bridge port.

    It is good for naming only if it is one.
    """

    ports: tuple[Port, ...] = ()
    by: str = ""

    @property
    def port(self) -> Port | None:
        """The port, if the text means exactly one."""
        return self.ports[0] if len(self.ports) == 1 else None


class PortNames:
    """The bridge ports of a switch by everything that they may be called."""

    def __init__(self, ports: Iterable[Port], numbers: str = "either") -> None:
        """`numbers` says what a bare number means: `ifindex`, `bridge` or `either`."""
        candidates = [one for one in ports if one.bridge_ports]
        self._steps: list[tuple[str, dict[str, list[Port]], Callable[[str], str]]] = [
            ("ifName", _index(candidates, lambda one: [one.name.lower()]), str.lower),
            ("ifName", _index(candidates, lambda one: [canonical(one.name)]), canonical),
            ("ifDescr", _index(candidates, lambda one: [canonical(one.description)]), canonical),
            ("ifAlias", _index(candidates, lambda one: [one.alias.strip().lower()]), str.lower),
            (_NUMBERS[numbers], _index(candidates, lambda one: _numbers(one, numbers)), str),
        ]

    def find(self, text: str) -> Match:
        """What `text` means: the first of name, description, alias and number that any port has."""
        for by, index, key in self._steps:
            if found := index.get(key(text.strip())):
                return Match(ports=tuple(found), by=by)
        return Match()


_NUMBERS = {"either": "number", "ifindex": "ifIndex", "bridge": "bridge port"}


def _numbers(port: Port, numbers: str) -> Sequence[str]:
    found = [port.if_index] if numbers != "bridge" else []
    return [str(one) for one in {*found, *(port.bridge_ports if numbers != "ifindex" else ())}]


def _index(ports: Iterable[Port], keys: Callable[[Port], Iterable[str]]) -> dict[str, list[Port]]:
    index: dict[str, list[Port]] = {}
    for port in ports:
        for key in keys(port):
            if key:
                index.setdefault(key, []).append(port)
    return index
