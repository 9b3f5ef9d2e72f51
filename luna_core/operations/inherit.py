"""Who says what: a node's values from itself, its group, the group's parents and the cluster."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from luna_core.errors import BadInput
from luna_core.model import Cluster, Group, InterfaceSpec, Node, NodeInterface
from luna_core.operations.explain import DEFAULT, Said
from luna_core.operations.work import Work


@dataclass(frozen=True)
class Lineage:
    """Those who may speak for a node, the nearest first: groups upwards, then the cluster."""

    groups: tuple[Group, ...]
    cluster: Cluster

    def say(self, field: str, node: Node | None = None) -> Said:
        """The nearest value of a Profile's field."""
        if node is not None and (value := getattr(node, field)) is not None:
            return Said(value, _title(node))
        if field not in self._said_above:
            above: tuple[Group | Cluster, ...] = (*self.groups, self.cluster)
            said = (Said(value, _title(one)) for one in above if (value := getattr(one, field)) is not None)
            self._said_above[field] = next(said, Said(None, DEFAULT))
        return self._said_above[field]

    def tags(self, node: Node | None = None) -> tuple[str, ...]:
        """The tags of the node and of all its groups."""
        return tuple(sorted({tag for one in (node, *self.groups) if one is not None for tag in one.tags}))

    @cached_property
    def _said_above(self) -> dict[str, Said]:
        """What groups and cluster say, by field, worked out once for all nodes of the group."""
        return {}

    @cached_property
    def group_interfaces(self) -> Mapping[str, InterfaceSpec]:
        """The interfaces that the groups give, parents' first."""
        merged: dict[str, InterfaceSpec] = {}
        for group in reversed(self.groups):
            for name, spec in group.interfaces.items():
                merged[name] = _over(merged.get(name), spec)
        return merged

    def interfaces(self, node: Node) -> Mapping[str, NodeInterface]:
        """The node's interfaces with everything that its groups say of them."""
        merged = dict(self.group_interfaces)
        for name, spec in node.interfaces.items():
            merged[name] = _over(merged.get(name), spec)
        return {name: _as_nodes(name, spec) for name, spec in merged.items() if not getattr(spec, "absent", False)}


class Lineages:
    """The lineage of each group, found once in a transaction; `known` has those that others found, and gets these."""

    def __init__(self, work: Work, known: dict[str, Lineage] | None = None) -> None:
        self._work = work
        self._known = {} if known is None else known

    def of(self, group_id: str) -> Lineage:
        """The lineage of the nodes of a group; raises BadInput if groups are each other's parents."""
        if group_id not in self._known:
            self._known[group_id] = Lineage(tuple(self._upwards(group_id)), the_cluster(self._work))
        return self._known[group_id]

    def _upwards(self, group_id: str | None) -> Iterator[Group]:
        seen: list[Group] = []
        while group_id is not None:
            group = self._work.by_id(Group, group_id)
            if group in seen:
                circle = " → ".join(one.name for one in (*seen, group))
                raise BadInput(f"group {group.name}: parent: {circle} is a circle; accepted is a group above it.")
            seen.append(group)
            yield group
            group_id = group.parent


def below(work: Work, groups: Iterable[str]) -> list[Group | Node]:
    """All groups below these groups (ids), and the nodes of them all."""
    seen, waiting = set(groups), list(groups)
    found: list[Group | Node] = []
    while waiting:
        for user in work.users(work.by_id(Group, waiting.pop())):
            if isinstance(user, Node):
                found.append(user)
            elif isinstance(user, Group) and user.id not in seen:
                seen.add(user.id)
                waiting.append(user.id)
                found.append(user)
    return found


def the_cluster(work: Work) -> Cluster:
    """The cluster of this store; raises BadInput that says how to make it."""
    found = work.all(Cluster)
    if not found:
        raise BadInput("There is no cluster yet: begin with 'luna cluster init --frontend-address ADDRESS'.")
    return found[0]


def _over(below: InterfaceSpec | None, above: InterfaceSpec) -> InterfaceSpec:
    if below is None:
        return above
    unsaid = {name: value for name, value in vars(below).items() if getattr(above, name) is None}
    return above.model_copy(update=unsaid)


def _as_nodes(name: str, spec: InterfaceSpec) -> NodeInterface:
    kind = spec.type or ("bmc" if name == "BMC" else "ethernet")
    if isinstance(spec, NodeInterface):
        return spec.model_copy(update={"type": kind})
    return NodeInterface.model_construct(**{"mac": None, "absent": False, **vars(spec), "type": kind})


def _title(profile: Node | Group | Cluster) -> str:
    return f"{profile.kind} {profile.name}"
