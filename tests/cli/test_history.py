"""History, diff, undo, export and apply on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Luna = Callable[..., Any]


def test_history_says_who_what_and_why(cluster: Luna) -> None:
    cluster("--why", "ticket 7", "node", "change", "node001", "--rack", "r1")
    newest = cluster("history", "-o", "json").json[0]
    assert (newest["what"], newest["why"], newest["objects"]) == ("node change node001", "ticket 7", 1)
    assert [one["what"] for one in cluster("history", "node", "node001", "-o", "json").json] == [
        "node change node001",
        "node add node[001-004]",
    ]
    assert len(cluster("history", "--limit", "2", "-o", "json").json) == 2
    cluster("node", "delete", "node001")
    gone = cluster("history", "node", "node001", "-o", "json").json
    assert [one["what"] for one in gone][:2] == ["node delete node001", "node change node001"]
    assert cluster("history", "node", "node999").status == 2
    assert cluster("history", "node").status == 2
    assert cluster("history", "nothing", "x").status == 2


def test_diff_of_one_change_and_of_several(cluster: Luna) -> None:
    cluster("node", "change", "node001", "--rack", "r1")
    cluster("node", "change", "node001", "--rack", "r2", "--local-boot")
    number = cluster("history", "-o", "json").json[0]["number"]
    assert cluster("diff").out == "changed node node001\n    rack: r1 → r2\n    local_boot: - → yes\n"
    both = cluster("diff", f"{number - 1}..{number}", "-o", "json").json
    fields = {one["field"]: (one["before"], one["after"]) for one in both[0]["fields"]}
    assert fields == {"rack": (None, "r2"), "local_boot": (None, True)}
    assert cluster("diff", "99").status == 2
    assert cluster("diff", "5..2").status == 2


def test_undo_shows_first_and_then_takes_back(cluster: Luna) -> None:
    before = cluster("export").out
    cluster("group", "change", "compute", "--unset", "osimage")
    shown = cluster("undo", "--dry-run").out
    assert shown == "changed group compute\n    osimage: - → compute\n"
    assert cluster("export").out != before
    assert cluster("undo").out == shown
    assert cluster("export").out == before
    cluster("node", "change", "node001", "--rack", "r1")
    cluster("node", "change", "node001", "--rack", "r2")
    number = cluster("history", "-o", "json").json[0]["number"]
    refused = cluster("undo", str(number - 1))
    assert refused.status == 1
    assert "node node001 has changed since" in refused.err


def test_an_export_builds_the_same_cluster_elsewhere(cluster: Luna, tmp_path: Path, monkeypatch: Any) -> None:
    file = tmp_path / "cluster.yaml"
    assert cluster("export", "-o", str(file)).status == 0
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("LUNA_KEY_FILE", str(tmp_path / "luna.key"))
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(other))
    applied = cluster("apply", "-f", str(file))
    assert applied.status == 0, applied.err
    assert "created node node004" in applied.out
    assert cluster("export").out == file.read_text()
    assert cluster("apply", "-f", str(file)).out == "Nothing changed.\n"
    assert len(cluster("history", "-o", "json").json) == 1


def test_apply_shows_what_it_would_do(cluster: Luna) -> None:
    document = yaml.safe_load(cluster("export", "-f", "json").out)
    document["node"]["node001"]["rack"] = "r1"
    del document["node"]["node004"]
    document["otherdev"] = {"pdu": {"comment": "new"}}
    text = yaml.safe_dump(document)
    before = cluster("export").out
    shown = cluster("apply", "-f", "-", "--prune", "--dry-run", input=text).out
    assert shown == (
        "created otherdev pdu\n    comment: new\nchanged node node001\n    rack: - → r1\nremoved node node004\n"
    )
    assert cluster("export").out == before
    assert cluster("apply", "-f", "-", input=text).status == 0
    assert "node004" in cluster("node", "list").out
    assert cluster("apply", "-f", "-", "--prune", input=text).out == "removed node node004\n"


def test_apply_merges_a_patch(cluster: Luna) -> None:
    patch = '{"luna": 1, "node": {"node001": {"rack": "r1"}, "node004": null}}'
    assert cluster("apply", "--merge", "-f", "-", input=patch).out == (
        "changed node node001\n    rack: - → r1\nremoved node node004\n"
    )
    assert cluster("apply", "--merge", "--prune", "-f", "-", input=patch).status == 2


def test_export_of_some_kinds(cluster: Luna) -> None:
    document = yaml.safe_load(cluster("export", "--kind", "network", "--kind", "group").out)
    assert set(document) == {"luna", "network", "group"}
    assert cluster("export", "--kind", "nothing").status == 2
    assert cluster("export", "-o", "/nonexistent/file").status == 1
