"""Nodes from a table, as spreadsheets and other provisioners write it: CSV (RFC 4180) with a line of titles."""

import csv
import io
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from luna_core.errors import BadInput, did_you_mean
from luna_core.model import Node
from luna_core.operations.interfaces import set_address, set_interface
from luna_core.operations.objects import add
from luna_core.operations.work import Work
from luna_core.types import IPAddress

FIELDS = ("group", "tags", "osimage", "bmcsetup", "switch", "port", "rack", "serial", "asset_tag", "comment")
OF_INTERFACES = ("mac", "address")
BOOT_INTERFACE = "BOOTIF"
DELIMITERS = ",;\t"


def add_table(work: Work, text: str, fields: Mapping[str, Any]) -> list[Node]:
    """Make a node of each line, with `fields` where the line is silent; raises BadInput that names line or node.

    `mac` and `address` are BOOTIF's, `BMC.address` those of BMC and so on. What isn't said luna gives, as always.
    """
    made = [_add(work, row, fields) for row in _rows(text)]
    if not made:
        raise BadInput("table: it has no node; accepted is a line for each below that of the titles.")
    return made


def _add(work: Work, row: Mapping[str, str], fields: Mapping[str, Any]) -> Node:
    name = row["name"]
    own: dict[str, Any] = {key: value for key, value in row.items() if key in FIELDS}
    if "tags" in own:
        own["tags"] = own["tags"].split()
    made = add(work, Node, name, {**fields, **own})
    for interface, mac in _of_interfaces(row, "mac"):
        made = set_interface(work, Node, name, interface, {"mac": mac})
    for interface, address in _of_interfaces(row, "address"):
        made = set_address(work, name, interface, _parsed(name, interface, address))
    return made


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The lines by title, without empty cells."""
    (_, titles), *lines = list(_lines(text)) or [(1, [])]
    _check(titles)
    for number, cells in lines:
        row = {title: cell for title, cell in zip(titles, cells, strict=False) if cell}
        if row and ("name" not in row or len(cells) > len(titles)):
            raise BadInput(f"table, line {number}: {cells} was given; accepted are a name and {titles[1:]}.")
        if row:
            yield row


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line, with its number."""
    text = text.removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=text.split("\n", 1)[0].count)
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        # Each by itself: to a reader of all of them a stray quote makes one cell of a line and of those below.
        try:
            cells = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            accepted = 'accepted are cells of one line, with no " at the start or one at each end'
            raise BadInput(f"table, line {number}: it can't be read: {error}; {accepted}.") from error
        yield number, [cell.strip() for cell in cells]


def _check(titles: list[str]) -> None:
    known = ("name", *FIELDS, *OF_INTERFACES)
    for title in titles:
        interface, _, field = title.rpartition(".")
        if title not in known and not (interface and field in OF_INTERFACES):
            near = did_you_mean(title, known)
            accepted = f"{', '.join(known)}, and those of other interfaces, as in BMC.address"
            raise BadInput(f"table: there is no column {title!r}; accepted are {accepted}.{near}")
    short = {f"{BOOT_INTERFACE}.{field}": field for field in OF_INTERFACES}
    if titles[:1] != ["name"] or len({short.get(title, title) for title in titles}) < len(titles):
        accepted = f"name as the first, and each once, of which mac is {BOOT_INTERFACE}.mac"
        raise BadInput(f"table: its columns are {titles}; accepted is {accepted}.")


def _of_interfaces(row: Mapping[str, str], what: str) -> Iterator[tuple[str, str]]:
    for title, value in row.items():
        interface, _, field = title.rpartition(".")
        if field == what:
            yield interface or BOOT_INTERFACE, value


def _parsed(name: str, interface: str, address: str) -> IPAddress:
    try:
        return ip_address(address)
    except ValueError:
        raise BadInput(f"node {name}: interface {interface}: {address!r} was given; accepted is an address.") from None
