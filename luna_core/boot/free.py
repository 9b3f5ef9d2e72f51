"""Nodes that no machine has become yet."""

from collections.abc import Mapping
from typing import Any

from luna_core.boot.weigh import Waits
from luna_core.hostlist import natural
from luna_core.interfaces import Transaction
from luna_core.model import Group, Node
from luna_core.model.base import USES
from luna_core.operations.nodes import add_next
from luna_core.operations.work import Work
from luna_core.types import SettingValue


def free_nodes(transaction: Transaction) -> list[tuple[str, str]]:
    """Name and group of each node whose boot interface has no MAC, in natural order; stored records as they are."""
    groups = {record.id: record.body["name"] for record in transaction.fetch(Group.kind)}
    free = [record.body for record in transaction.fetch(Node.kind) if _is_free(record.body)]
    return sorted(((body["name"], groups[body["group"]]) for body in free), key=lambda one: natural(one[0]))


def next_free(work: Work, group: str, settings: Mapping[str, SettingValue]) -> Node:
    """The first node of a group without a MAC; a new one if none is free and the group may grow. Raises Waits."""
    found = work.find(Group, group)
    if found is None:
        raise Waits(f"There is no group {group}.")
    members = [one.id for one in work.owners(f"{USES}:{found.id}", f"{Node.kind}/", f"{Node.kind}0")]
    free = [record.body for record in work.transaction.fetch(Node.kind, members) if _is_free(record.body)]
    if free:
        return work.by_id(Node, min(free, key=lambda body: natural(body["name"]))["id"])
    if not may_grow(group, settings):
        raise Waits(f"Group {group} has no free node.", f"luna node add --count 1 --group {group}")
    return add_next(work, group)


def may_grow(group: str, settings: Mapping[str, SettingValue]) -> bool:
    """Whether the group may get new nodes for machines that ask."""
    growing = settings.get("discovery.growing_groups", ())
    return isinstance(growing, tuple) and group in growing


def _is_free(body: Mapping[str, Any]) -> bool:
    return not body.get("interfaces", {}).get("BOOTIF", {}).get("mac")
