"""What Ansible sees of a cluster."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ansible = Callable[..., Any]


def plain(value: Any) -> Any:
    """Newer releases mark the values that are no templates."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def inventory(ansible: Ansible, tmp_path: Path) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        file = tmp_path / "cluster.luna.yml"
        file.write_text(f"plugin: luna.cluster.nodes\n{text}")
        command = ("ansible-inventory", "-i", str(file), "--list")
        return ansible(*command, ANSIBLE_INVENTORY_UNPARSED_FAILED="true")

    return read


def test_nodes_are_hosts_in_luna_s_groups(inventory: Callable[[str], Any]) -> None:
    seen = plain(inventory("keyed_groups: [{key: luna_group, prefix: of}]\n").json)
    facts = seen["_meta"]["hostvars"]
    assert facts["node001"]["ansible_host"] == "10.141.0.1"
    assert facts["node002"]["luna_state"] == "unknown"
    assert seen["compute"] == {"hosts": ["node001"], "children": ["gpu"]}
    assert seen["tag_accelerator"]["children"] == ["gpu"]
    groups = ("gpu", "tag_spare", "rack_r_1", "state_unknown", "of_compute")
    hosts = [["node002"], ["node001"], ["node001"], ["node001", "node002"], ["node001"]]
    assert [seen[one]["hosts"] for one in groups] == hosts


def test_a_hostlist_chooses(inventory: Callable[[str], Any]) -> None:
    assert set(inventory('nodes: "@gpu"\n').json["_meta"]["hostvars"]) == {"node002"}


def test_what_luna_says_is_what_ansible_says(inventory: Callable[[str], Any]) -> None:
    missing, unable = inventory("nodes: node007\n"), inventory("luna: [no-such-luna]\n")
    assert missing.status
    assert "There is no node 'node007'" in missing.text
    assert unable.status
    assert "no-such-luna can't be run" in unable.text
