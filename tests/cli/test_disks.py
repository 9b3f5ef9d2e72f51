"""Layouts of disks on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot.sessions import open_session, record_event
from luna_core.model import Node
from luna_core.model.boot import BootEvent
from luna_core.node.disks.inventory import Content, FoundDisk, Inventory
from luna_core.operations import connect

LAYOUT = """
disks:
  system:
    match: {serial: A1}
    partitions:
      - {name: root, size: 2G, format: ext4, mount: /}
      - {name: scratch, size: rest, format: xfs, mount: /scratch, keep: true}
"""
Luna = Callable[..., Any]


@pytest.fixture
def storage(cluster: Luna, tmp_path: Path) -> Luna:
    (tmp_path / "layout.yaml").write_text(LAYOUT)
    cluster(f"group change compute --root disk --disks @{tmp_path / 'layout.yaml'}")
    return cluster


def tell(inventory: str) -> None:
    """What node001 told when it booted."""
    event = BootEvent(time="2026-11-22T10:00:00+00:00", phase="disks", status="done", log=inventory)
    with connect() as luna:
        luna.note(
            lambda work: record_event(
                work, open_session(work, work.get(Node, "node001"), "10.0.0.1", {}).session, event
            )
        )


def test_a_layout_is_shown_exported_and_applied_as_it_was_given(storage: Luna, tmp_path: Path) -> None:
    document = storage("export -f json").json
    layout = document["group"]["compute"]["disks"]
    assert layout["disks"]["system"]["partitions"][1]["keep"] is True
    assert storage("node show node001 -o json").json["disks"] == layout
    assert "group compute" in storage("node show node001 --explain").out
    (tmp_path / "all.json").write_text(json.dumps(document))
    assert "Nothing changed" in storage(f"apply -f {tmp_path / 'all.json'}").out
    storage("group", "change", "compute", "--disks", json.dumps({"disks": {"other": layout["disks"]["system"]}}))
    changed = storage("group show compute -o json").json["disks"]
    assert list(changed["disks"]) == ["other"], "a layout is given whole, and not added to the last one"
    storage("group", "change", "compute", "--disks", "", "--root", "tmpfs")
    assert storage("group show compute -o json").json["disks"] is None


def test_a_layout_without_a_root_is_refused_where_the_root_is_on_disk(storage: Luna) -> None:
    before = storage("export").out
    layout = json.dumps({"disks": {"a": {"first": True, "partitions": [{"name": "b", "size": "1G"}]}}})
    refused = storage("node", "change", "node001", "--disks", layout)
    assert refused.status == 2
    assert "node node001: disks: no mount at / was given; accepted with root: disk" in refused.err
    assert storage("export").out == before
    assert storage("node", "change", "node001", "--disks", layout, "--partscript", "mount …").status == 0


def test_the_plan_is_shown_before_the_node_ever_booted(storage: Luna) -> None:
    shown = storage("node disks node001").out
    assert "The layout is that of group compute. node001 has not told of its disks yet." in shown
    assert "serial A1" in shown
    assert "kept if there" in shown


def test_the_plan_is_shown_with_the_disks_that_the_node_told_of(storage: Luna) -> None:
    disk = FoundDisk(path="/dev/sda", serial="A1", size_bytes=10 << 30)
    tell(Inventory(disks=(disk,)).dump())
    shown = storage("node disks node001 -o json").json
    assert [one["device"] for one in shown["items"]] == ["/dev/sda (serial A1, 10G)", "/dev/sda1", "/dev/sda2"]
    assert "mkfs.xfs -q -f /dev/sda2" in [one["command"] for one in shown["commands"]]
    tell(Inventory(disks=(FoundDisk(path="/dev/sda", serial="A1", size_bytes=1, content=Content(type="ext4")),)).dump())
    assert "would be refused: /dev/sda (serial A1" in storage("node disks node001").out


def test_nonsense_that_a_machine_told_is_as_if_it_had_told_nothing(storage: Luna) -> None:
    for told in ("no JSON", "[]", '{"disks":[{"path":1}]}'):
        tell(told)
        assert "has not told of its disks yet" in storage("node disks node001").out


def test_a_node_without_a_layout_is_told_how_to_get_one(cluster: Luna) -> None:
    refused = cluster("node disks node001")
    assert refused.status == 2
    assert "it has no layout; 'luna group change … --disks @FILE' gives one" in refused.err


def test_the_key_is_shown_only_where_it_is_asked_for_and_survives_an_older_document(
    storage: Luna, tmp_path: Path
) -> None:
    missing = storage("node disks node001 --show-key")
    assert (missing.status, "it has no key yet" in missing.err) == (2, True)
    before = storage("export -f json").out
    (tmp_path / "key").write_text("s3cret\n")
    storage(f"node change node001 --disk-key @{tmp_path / 'key'}")
    (tmp_path / "before.json").write_text(before)
    assert "Nothing changed" in storage(f"apply -f {tmp_path / 'before.json'}").out
    assert storage("node disks node001 --show-key").out == "s3cret\n"
    storage("node clone node001 node009")
    assert storage("node disks node009 --show-key").status == 2
    everything = storage("export").out + storage("node show node001 -o json").out + storage("history").out
    assert "s3cret" not in everything
    assert storage("node show node001 -o json").json["disk_key"] == "***"


def test_what_only_luna_opens_is_refused_where_the_node_is_to_boot_from_its_disk(storage: Luna) -> None:
    partition = {"name": "root", "size": "2G", "format": "ext4", "mount": "/", "encrypt": "key"}
    layout = json.dumps({"disks": {"a": {"first": True, "partitions": [partition]}}})
    storage("node", "change", "node001", "--disks", layout)
    for field in ("--local-boot", "--local-boot-after-install"):
        refused = storage("node", "change", "node001", field)
        assert refused.status == 2
        assert "encrypt: key was given in disks.a.partitions.root, which only luna opens" in refused.err
