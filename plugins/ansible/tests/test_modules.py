"""Objects by playbook: changed once, then left alone; refused as luna refuses."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from luna_core.model import KINDS

Luna = Callable[[str], Any]


@pytest.fixture
def task(ansible: Callable[..., Any]) -> Callable[..., Any]:
    """Runs one task on this machine."""

    def run(module: str, *options: str, **arguments: Any) -> Any:
        command = ("localhost", "-m", f"luna.cluster.{module}", "-a", json.dumps(arguments), *options)
        return ansible("ansible", *command)

    return run


def test_an_object_comes_changes_and_goes(luna: Luna, task: Callable[..., Any]) -> None:
    node = {"kind": "node", "name": "node003"}
    fields = {"group": "gpu", "interfaces": {"BOOTIF": {"mac": "52:54:00:00:00:03"}}}
    would = task("object", "--check", "--diff", **node, fields=fields)
    assert "| CHANGED" in would.text
    assert re.search(r"^\+.*52:54:00:00:00:03", would.text, re.MULTILINE)
    assert len(luna("node list")) == 2
    assert task("object", **node, fields=fields).json["changed"]
    assert not task("object", **node, fields={"group": "gpu"}).json["changed"]
    assert [one["macs"] for one in luna("node list node003")] == [["52:54:00:00:00:03"]]
    assert task("object", **node, state="absent").json["changed"]
    assert len(luna("node list")) == 2


def test_luna_s_refusal_is_the_task_s(luna: Luna, task: Callable[..., Any]) -> None:
    refused = task("object", kind="node", name="node001", fields={"group": "nothing"})
    assert refused.status
    assert refused.json["msg"].startswith("node node001: there is no group 'nothing'")
    refused = task("object", kind="group", name="compute", state="absent")
    assert "node001" in refused.json["msg"]


def test_a_secret_is_shown_nowhere_and_given_again_changes_nothing(luna: Luna, task: Callable[..., Any]) -> None:
    result = task("object", "--diff", kind="bmcsetup", name="x", secrets={"password": "so-secret"})
    assert result.status == 0
    assert "so-secret" not in result.text
    assert [one["name"] for one in luna("bmcsetup list")] == ["x"]
    assert not task("object", kind="bmcsetup", name="x", secrets={"password": "so-secret"}).json["changed"]
    assert task("object", kind="bmcsetup", name="x", secrets={"password": "another"}).json["changed"]


def test_a_document_is_one_change(luna: Luna, task: Callable[..., Any]) -> None:
    document = {"group": {"io": {"parent": "compute"}}, "node": {"io1": {"group": "io"}, "node002": None}}
    assert {(one["name"], one["change"]) for one in task("document", document=document).json["changes"]} == {
        *(("io", "created"), ("io1", "created"), ("node002", "removed"))
    }
    assert luna("history")[0]["objects"] == 3
    refused = task("document", document={"node": {"io1": None, "io2": {"group": "none"}}})
    assert refused.status
    assert {one["name"] for one in luna("node list")} == {"io1", "node001"}


def test_every_kind_that_an_administrator_writes_is_one_of_the_module_s(task: Callable[..., Any]) -> None:
    said = task("object", kind="none", name="x").json["msg"]
    assert {kind for kind in KINDS if kind in said.partition("one of:")[2]} == set(KINDS) - {"image_version"}
