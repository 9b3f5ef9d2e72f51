"""Rows about nodes from stored records as they are: no object is made, so that 10,000 nodes are listed at once."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from luna_core.hostlist import natural
from luna_core.interfaces import Transaction
from luna_core.types import Record

Body = Mapping[str, Any]


def node_rows(transaction: Transaction, ids: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Name, group, MACs, addresses by interface, state, image and place of the nodes with these ids, or of all.

    In the natural order of the names. The image is the one that the node, its groups or the cluster say.
    """
    groups, images, switches = (_bodies(transaction, kind) for kind in ("group", "osimage", "switch"))
    default = next((body.get("osimage") for body in _bodies(transaction, "cluster").values()), None)
    inherited = {one: _image(groups, one, default) for one in groups}
    states = {one: body.get("state") for one, body in _bodies(transaction, "node_state").items()}
    wanted = None if ids is None else list(ids)
    rows = [
        {
            "name": node["name"],
            "group": groups[node["group"]]["name"],
            "macs": _macs(node),
            "addresses": _addresses(node),
            "state": states.get(node["id"], "unknown"),
            "image": _name(images, node.get("osimage") or inherited[node["group"]]),
            "tags": node.get("tags", []),
            "switch": _name(switches, node.get("switch")),
            "port": node.get("port"),
            "rack": node.get("rack"),
            "comment": node.get("comment", ""),
        }
        for node in _each(transaction.fetch("node", wanted))
    ]
    return sorted(rows, key=lambda row: natural(row["name"]))


def _each(records: Iterable[Record]) -> Iterable[Body]:
    return (record.body for record in records)


def _bodies(transaction: Transaction, kind: str) -> dict[str, Body]:
    return {record.id: record.body for record in transaction.fetch(kind)}


def _image(groups: Mapping[str, Body], group: str | None, default: str | None) -> str | None:
    while group is not None:
        if image := groups[group].get("osimage"):
            return str(image)
        group = groups[group].get("parent")
    return default


def _name(objects: Mapping[str, Body], identity: str | None) -> str | None:
    return objects[identity]["name"] if identity else None


def _macs(node: Body) -> list[str]:
    interfaces = node.get("interfaces", {})
    named = sorted(interfaces, key=lambda name: (name != "BOOTIF", name))
    return [interfaces[name]["mac"] for name in named if interfaces[name].get("mac")]


def _addresses(node: Body) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for one in node.get("addresses", ()):
        grouped.setdefault(one["interface"], []).append(one["address"])
    return grouped
