"""What is shown without the model is what the model says."""

from collections.abc import Callable
from typing import Any

from luna_core.model import InterfaceSpec, Node, NodeInterface, Profile
from luna_core.operations import Work, connect, explain
from luna_core.operations.inherit import Lineages
from luna_core.operations.listing import node_rows

Luna = Callable[..., Any]


def test_every_field_of_the_model_is_shown() -> None:
    assert set(explain.PROFILE) == set(Profile.model_fields)
    assert set(explain.INTERFACE) == {*InterfaceSpec.model_fields, *NodeInterface.model_fields} - {"absent"}
    own = set(Node.model_fields) - set(Profile.model_fields)
    assert own - {"id", "interfaces", "addresses"} == {"name", "comment", "group", "tags", *explain.OWN}


def test_values_and_sources_are_those_of_inheritance(cluster: Luna) -> None:
    for line in (
        "cluster change --root disk --osimage compute",
        "network add fast --network 10.150.0.0/16",
        "group change compute --unset osimage --root tmpfs --tags all",
        "group add gpu --parent compute --kernel-arguments quiet --tags fast",
        "group interface add gpu BOOTIF --mtu 9000",
        "group interface add gpu eth1 --network fast,ipmi",
        "node change node002 --group gpu --service --tags own --mac 52:54:00:00:00:02",
        "node interface change node002 eth1 --mtu 1400 --dns-suffix fast",
        "node interface remove node003 BMC",
        "node interface add node003 BMC --network cluster",
        "node interface remove node004 BMC",
    ):
        done = cluster(line)
        assert done.status == 0, f"{line}: {done.err}"
    with connect() as luna:
        luna.read(compare)


def compare(work: Work) -> None:
    lineages = Lineages(work)
    rows = {row["name"]: row for row in node_rows(work.transaction)}
    for node in work.all(Node):
        lineage = lineages.of(node.group)
        said = explain.explain(work.transaction, "node", node.id)
        for field in Profile.model_fields:
            if field not in explain.REFERENCES:
                assert said[field] == lineage.say(field, node)
        assert said["osimage"].value == "compute" == rows[node.name]["image"]
        assert said["osimage"].source == lineage.say("osimage", node).source
        assert tuple(said["tags"].value) == lineage.tags(node)
        shown = explain.nested(said)["interfaces"]
        resolved = lineage.interfaces(node)
        assert set(shown) == set(resolved)
        for name, interface in resolved.items():
            for field in set(explain.INTERFACE) - {"networks", "members"}:
                assert shown[name].get(field) == getattr(interface, field), (node.name, name, field)
            assert len(shown[name].get("networks", ())) == len(interface.networks or ())
