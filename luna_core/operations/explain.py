"""Every value of a node or group with who says it: itself, one of its groups, the cluster, or nobody."""

from collections.abc import Iterator, Mapping
from typing import Any

from luna_core.model import KINDS, Group, InterfaceSpec, Node, NodeInterface, Profile
from luna_core.model.fields import Reference
from luna_core.model.walk import marked_paths
from luna_core.operations.inherit import Lineage, Lineages, Said, title
from luna_core.operations.nodes import states
from luna_core.operations.work import Work

OWN = ("switch", "port", "rack", "serial", "asset_tag")


def explain(work: Work, subject: Node | Group) -> dict[str, Said]:
    """The values by field, a dotted path for those of interfaces, with names for ids."""
    lineage = Lineages(work).of(subject.group if isinstance(subject, Node) else subject.id)
    node = subject if isinstance(subject, Node) else None
    said = dict(_identity(work, subject, lineage))
    references = {path[0]: mark for path, mark in marked_paths(Profile, Reference)}
    for field in Profile.model_fields:
        value = lineage.say(field, node)
        mark = references.get(field)
        if isinstance(mark, Reference) and value.value is not None:
            value = Said(work.by_id(KINDS[mark.kind], value.value).name, value.source)
        said[field] = value
    said |= _interfaces(work, lineage, node)
    return said


def _identity(work: Work, subject: Node | Group, lineage: Lineage) -> Iterator[tuple[str, Said]]:
    own = title(subject)
    yield "name", Said(subject.name, own)
    yield "comment", Said(subject.comment, own)
    if isinstance(subject, Node):
        yield "group", Said(lineage.groups[0].name, own)
        yield "state", Said(states(work).get(subject.id, "unknown"), "luna")
        for field in OWN:
            value = getattr(subject, field)
            yield field, Said(work.name_of(KINDS["switch"], value) if field == "switch" and value else value, own)
    elif subject.parent:
        yield "parent", Said(work.by_id(Group, subject.parent).name, own)
    speakers = [one for one in (subject, *lineage.groups) if one.tags]
    tags = lineage.tags(subject if isinstance(subject, Node) else None)
    yield "tags", Said(list(tags), ", ".join(dict.fromkeys(map(title, speakers))) or "default")


def _interfaces(work: Work, lineage: Lineage, node: Node | None) -> dict[str, Said]:
    speakers: list[Node | Group] = [*([node] if node else []), *lineage.groups]
    specs = lineage.interfaces(node) if node else lineage.group_interfaces
    said: dict[str, Said] = {}
    for name, spec in specs.items():
        for field, value in spec:
            if field == "absent" or (value is None and field != "mac"):
                continue
            source = _speaker(speakers, name, field)
            said[f"interfaces.{name}.{field}"] = Said(_readable(work, field, value), source)
        if node and (addresses := [str(one.address) for one in node.addresses if one.interface == name]):
            said[f"interfaces.{name}.addresses"] = Said(addresses, title(node))
    return said


def _readable(work: Work, field: str, value: Any) -> Any:
    if field == "networks":
        return [work.name_of(KINDS["network"], one) for one in value]
    return list(value) if isinstance(value, tuple) else value


def _speaker(speakers: list[Node | Group], interface: str, field: str) -> str:
    for one in speakers:
        specs: Mapping[str, InterfaceSpec] = one.interfaces
        if interface in specs and getattr(specs[interface], field, None) is not None:
            return title(one)
    return "default"


def nested(said: Mapping[str, Said]) -> dict[str, Any]:
    """The values alone, those of interfaces in a mapping of their own."""
    made: dict[str, Any] = {}
    for path, one in said.items():
        if path.startswith("interfaces."):
            interface, _, field = path.removeprefix("interfaces.").rpartition(".")
            made.setdefault("interfaces", {}).setdefault(interface, {})[field] = one.value
        else:
            made[path] = one.value
    return made


def interface_rows(work: Work, kind: str, name: str) -> list[dict[str, Any]]:
    """The interfaces of a group or node with all their values, a row each."""
    said = nested(explain(work, work.get(Group, name) if kind == Group.kind else work.get(Node, name)))
    fields = (*NodeInterface.model_fields, "addresses")
    return [
        {kind: name, "interface": interface, **{field: values.get(field) for field in fields if field != "absent"}}
        for interface, values in said.get("interfaces", {}).items()
    ]
