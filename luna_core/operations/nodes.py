"""Nodes: many at once, named automatically, selected by hostlists, groups and tags."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luna_core.errors import BadInput
from luna_core.hostlist import expand, expand_ports
from luna_core.model import Group, Node, NodeState, OsImage, Switch
from luna_core.model.fields import normal_mac
from luna_core.operations.configure import settings
from luna_core.operations.inherit import Lineages
from luna_core.operations.interfaces import set_address, set_interface, set_mac
from luna_core.operations.objects import add, change, delete
from luna_core.operations.table import add_table
from luna_core.operations.work import Work
from luna_core.settings import CORE_SETTINGS
from luna_core.types import IPAddress

SETS = "@GROUP, @group:NAME, @tag:NAME, @rack:NAME, @switch:NAME, @osimage:NAME, @state:NAME, @mac:MAC or @all"


def add_nodes(
    work: Work, names: Sequence[str], fields: Mapping[str, Any], *, ports: Sequence[str] = (), macs: Sequence[str] = ()
) -> list[Node]:
    """Make nodes with the same fields; `ports` and `macs`, if given, are theirs in order, one for each.

    Raises BadInput if their numbers differ, and AlreadyExists.
    """
    for title, given in (("ports", ports), ("macs", macs)):
        if given and len(given) != len(names):
            raise BadInput(f"node: {len(given)} {title} were given for {len(names)} nodes; accepted is one for each.")
    made = []
    for index, name in enumerate(names):
        own: dict[str, Any] = {"port": ports[index]} if ports else {}
        if macs:
            own["interfaces"] = {"BOOTIF": {"mac": macs[index]}}
        made.append(add(work, Node, name, {**fields, **own}))
    return made


@dataclass(frozen=True, kw_only=True)
class NewNodes:
    """What nodes to make: those of a hostlist, `count` with automatic names, or those of a table; ports as in 1-40."""

    hostlist: str | None = None
    count: int | None = None
    table: str | None = None
    ports: str | None = None
    macs: Sequence[str] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


def add_new(work: Work, wanted: NewNodes) -> list[Node]:
    """Make nodes; raises BadInput unless exactly one of hostlist, count and table is given."""
    if [wanted.hostlist, wanted.count, wanted.table].count(None) != 2:
        raise BadInput("node add: accepted is a hostlist, a count of nodes or a table, and one of them is needed.")
    if wanted.table is not None:
        if wanted.ports or wanted.macs:
            raise BadInput("node add: ports or MACs were given beside a table; accepted are its columns port and mac.")
        return add_table(work, wanted.table, wanted.fields)
    if wanted.count is not None:
        prefix, digits = _naming(work)
        names = next_names(work, wanted.count, prefix=prefix, digits=digits)
    else:
        names = expand(wanted.hostlist or "")
    ports = expand_ports(wanted.ports) if wanted.ports else ()
    return add_nodes(work, names, wanted.fields, ports=ports, macs=wanted.macs)


def add_next(work: Work, group: str, **fields: Any) -> Node:
    """Make one node of a group with the next automatic name. Raises BadInput."""
    (made,) = add_new(work, NewNodes(count=1, fields={"group": group, **fields}))
    return made


def _naming(work: Work) -> tuple[str, int]:
    values = settings(work, CORE_SETTINGS)
    prefix, digits = values["node.prefix"], values["node.digits"]
    return str(prefix), digits if isinstance(digits, int) else 1


def delete_nodes(work: Work, text: str) -> None:
    """Delete the nodes that a hostlist names."""
    for node in select(work, text):
        delete(work, Node, node.name)


def set_interfaces(
    work: Work,
    text: str,
    interface: str,
    fields: Mapping[str, Any],
    *,
    new: bool = False,
    addresses: Sequence[IPAddress] = (),
    mac: str | None = None,
    move_mac: bool = False,
) -> None:
    """Add or change an interface of the nodes that a hostlist names; addresses and a MAC only of one node."""
    nodes = select(work, text)
    for node in nodes:
        set_interface(work, Node, node.name, interface, fields, new=new)
    for address in addresses:
        set_address(work, only(text, nodes, "address").name, interface, address)
    if mac is not None:
        set_mac(work, only(text, nodes, "mac").name, interface, mac or None, move=move_mac)


def change_nodes(
    work: Work, text: str, fields: Mapping[str, Any], *, mac: str | None = None, move_mac: bool = False
) -> list[Node]:
    """Change the nodes that a hostlist names; `mac` becomes that of BOOTIF of the only one.

    An empty `mac` takes it away; with `move_mac` the node that has it gives it up.
    """
    changed = [change(work, Node, node.name, fields) for node in select(work, text)]
    if mac is not None:
        node = only(text, changed, "mac")
        set_mac(work, node.name, "BOOTIF", mac or None, move=move_mac)
    return changed


def only(text: str, nodes: Sequence[Node], field: str) -> Node:
    """The one node; raises BadInput if there are more, for `field` can't be the same on two."""
    if len(nodes) != 1:
        raise BadInput(f"node {text}: {field}: one was given for {len(nodes)} nodes; accepted is one node at a time.")
    return nodes[0]


def next_names(work: Work, count: int, *, prefix: str, digits: int) -> list[str]:
    """`count` names made of the prefix and the numbers that follow the highest in use."""
    if not 0 < count <= 100_000:
        raise BadInput(f"node: count: {count} was given; accepted is a number from 1 to 100000.")
    pattern = re.compile(re.escape(prefix) + r"([0-9]{1,18})")
    used = [pattern.fullmatch(owner.key.value) for owner in work.owners("name:node", prefix)]
    highest = max((int(found.group(1)) for found in used if found), default=0)
    return [f"{prefix}{number:0{digits}d}" for number in range(highest + 1, highest + 1 + count)]


def select(work: Work, text: str) -> list[Node]:
    """The nodes that a hostlist names, in natural order; raises NotFound for one that doesn't exist."""
    names = expand(text, lambda named: (node.name for node in _named(work, named)))
    return [work.get(Node, name) for name in names]


def select_all(work: Work, texts: Sequence[str]) -> list[Node]:
    """The nodes that are in every one of these hostlists, in natural order; raises NotFound."""
    first, *others = [select(work, text) for text in texts]
    wanted = {node.id for node in first}.intersection(*({node.id for node in nodes} for nodes in others))
    return [node for node in first if node.id in wanted]


def states(work: Work) -> dict[str, str]:
    """The boot state of every node that ever had one, by the node's id."""
    return {one.id: one.state for one in work.all(NodeState)}


def _named(work: Work, named: str) -> Iterable[Node]:
    title, colon, value = named.partition(":")
    if title == "mac":
        return _with_mac(work, value)
    nodes = work.all(Node)
    if named in ("all", "*"):
        return nodes
    if not colon or title == "group":
        group = work.get(Group, value or title)
        lineages = Lineages(work)
        return [node for node in nodes if group in lineages.of(node.group).groups]
    if title == "tag":
        lineages = Lineages(work)
        return [node for node in nodes if value in lineages.of(node.group).tags(node)]
    if title == "rack":
        return [node for node in nodes if node.rack == value]
    if title == "switch":
        switch = work.get(Switch, value).id
        return [node for node in nodes if node.switch == switch]
    if title == "osimage":
        image, lineages = work.get(OsImage, value).id, Lineages(work)
        return [node for node in nodes if lineages.of(node.group).say("osimage", node).value == image]
    if title == "state":
        known = states(work)
        return [node for node in nodes if known.get(node.id, "unknown") == value]
    raise BadInput(f"hostlist: '@{named}' was given; accepted are {SETS}.")


def _with_mac(work: Work, text: str) -> list[Node]:
    try:
        mac = normal_mac(text)
    except ValueError as error:
        raise BadInput(f"hostlist: '@mac:{text}' was given; {error}.") from None
    return work.many(Node, [owner.id for owner in work.owners("mac", mac, mac) if owner.kind == Node.kind])
