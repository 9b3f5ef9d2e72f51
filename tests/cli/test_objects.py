"""The verbs that all kinds share, and the options that their fields become."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from luna_core.cli.main import cli
from luna_core.model import KINDS

Luna = Callable[..., Any]
MADE = {
    "osimage": ("--path", "/srv/other"),
    "bmcsetup": ("--driver", "redfish"),
    "group": ("--osimage", "compute"),
    "switch": ("--address", "10.148.255.9"),
    "otherdev": ("--address", "10.148.255.9", "--mac", "52:54:00:00:00:09"),
    "network": ("--network", "10.9.0.0/16"),
    "node": ("--group", "compute"),
}


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_has_the_same_verbs(cluster: Luna, kind: str) -> None:
    assert cluster(kind, "add", "one", *MADE[kind], "--comment", "first").status == 0
    shown = cluster(kind, "show", "one", "-o", "json").json
    assert (shown["name"], shown["comment"]) == ("one", "first")
    assert cluster(kind, "change", "one", "--comment", "second").status == 0
    clash = () if kind not in ("switch", "otherdev") else ("--address", "10.148.255.10")
    assert cluster(kind, "clone", "one", "two", *clash).status == 0
    assert cluster(kind, "rename", "one", "three").status == 0
    assert cluster(kind, "rename", "three", "two").status == 2
    rows = cluster(kind, "list", "-o", "json").json
    assert {"two", "three"} <= {row["name"] for row in rows}
    assert {row["comment"] for row in rows if row["name"] in ("two", "three")} == {"second"}
    assert cluster(kind, "delete", "two").status == 0
    gone = cluster(kind, "show", "two")
    assert (gone.status, gone.out) == (2, "")
    assert f"no {kind} 'two'" in gone.err


@pytest.mark.parametrize("kind", MADE)
def test_dry_run_adds_nothing(cluster: Luna, kind: str) -> None:
    before = cluster("export").out
    shown = cluster(kind, "add", "one", *MADE[kind], "--dry-run")
    assert shown.out.startswith(f"created {kind} one\n")
    assert cluster("export").out == before


def test_every_described_field_is_an_option_of_add_and_change() -> None:
    context = click.Context(cli)
    for kind in ("cluster", *MADE):
        group = cli.get_command(context, kind)
        assert isinstance(group, click.Group)
        for verb in ("init" if kind == "cluster" else "add", "change"):
            command = group.get_command(context, verb)
            assert command is not None
            offered = {param.name for param in command.params} | {"port" if verb == "add" else ""}
            described = {name for name, field in KINDS[kind].model_fields.items() if field.description}
            assert described - {"latest"} <= offered, f"{kind} {verb}"
            assert all(param.help for param in command.params if isinstance(param, click.Option)), f"{kind} {verb}"


@pytest.mark.parametrize("kind", [kind for kind in MADE if kind != "network"])
def test_an_empty_list_says_what_to_do(luna: Luna, kind: str) -> None:
    done = luna(kind, "list")
    assert (done.status, done.out) == (0, "")
    assert f"luna {kind} add" in done.err
    assert luna(kind, "list", "-o", "json").json == []


def test_lists_are_separated_by_commas_or_repeated(cluster: Luna) -> None:
    cluster("osimage", "change", "compute", "--kernel-module", "a,b", "--kernel-modules", "c", "--grab-exclude", "x,y")
    shown = cluster("osimage", "show", "compute", "-o", "json").json
    assert shown["kernel_modules"] == ["a", "b", "c"]
    assert shown["grab_excludes"] == ["x,y"]
    cluster("osimage", "change", "compute", "--kernel-modules", "")
    assert cluster("osimage", "show", "compute", "-o", "json").json["kernel_modules"] == []


def test_options_of_drivers_are_keys_and_values(cluster: Luna) -> None:
    cluster("osimage", "change", "compute", "--option", "release=trixie", "--option", "mirror=http://a/?b=c")
    shown = cluster("osimage", "show", "compute", "-o", "json").json
    assert shown["options"] == {"release": "trixie", "mirror": "http://a/?b=c"}
    cluster("osimage change compute --option release=bookworm --option mirror= --option locale=C")
    assert cluster("osimage show compute -o json").json["options"] == {"release": "bookworm", "locale": "C"}
    cluster("osimage change compute --unset options")
    assert cluster("osimage show compute -o json").json.get("options", {}) == {}
    assert cluster("osimage", "change", "compute", "--option", "release").status == 2


def test_texts_come_from_files_standard_input_and_the_editor(
    cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script() -> str:
        return str(cluster("group", "show", "compute", "-o", "json").json["prescript"])

    cluster("group", "change", "compute", "--prescript", "echo literal")
    assert script() == "echo literal"
    cluster("group", "change", "compute", "--prescript", "@-", input="echo stdin\n")
    assert script() == "echo stdin\n"
    (tmp_path / "script").write_text("echo file\n")
    cluster("group", "change", "compute", "--prescript", f"@{tmp_path}/script")
    assert script() == "echo file\n"
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/file/edited/" "$1"\ntouch -d "+1 minute" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    assert cluster("group", "change", "compute", "--prescript", "edit").status == 0
    assert script() == "echo edited\n"
    assert "- echo file" in cluster("diff").out
    assert cluster("group", "change", "compute", "--prescript", "@/nonexistent").status == 2


def test_a_secret_is_never_taken_from_the_command_line_nor_shown(cluster: Luna) -> None:
    refused = cluster("bmcsetup", "change", "default", "--password", "hunter2")
    assert refused.status == 2
    assert "hunter2" not in refused.err
    assert cluster("bmcsetup", "change", "default", "--password", "@-", input="hunter2\n").status == 0
    assert "password: *** → *** (another)" in cluster("diff").out
    everything = "".join(
        cluster(*words.split()).out for words in ("bmcsetup show default", "export", "diff", "history")
    )
    assert "hunter2" not in everything


def test_the_cluster_is_there_once_and_has_a_name(luna: Luna) -> None:
    missing = luna("cluster", "show")
    assert missing.status == 2
    assert "luna cluster init" in missing.err
    assert "luna cluster init" in luna("group", "add", "g").err
    assert luna("cluster", "init", "--frontend-address", "10.1.0.1", "--frontend-address", "fd00::1").status == 0
    assert luna("cluster", "init", "--name", "other", "--frontend-address", "10.1.0.1").status == 2
    assert luna("cluster", "rename", "big").status == 0
    assert luna("cluster", "change", "--domain", "hpc.example.org", "--nameserver", "9.9.9.9").status == 0
    shown = luna("cluster", "show", "-o", "json").json
    assert (shown["name"], shown["domain"], shown["nameservers"]) == ("big", "hpc.example.org", ["9.9.9.9"])
    assert shown["frontend_addresses"] == ["10.1.0.1", "fd00::1"]


def test_delete_names_the_users(cluster: Luna) -> None:
    for kind, name in (("osimage", "compute"), ("bmcsetup", "default"), ("group", "compute")):
        refused = cluster(kind, "delete", name)
        assert refused.status == 2
        assert "node node001" in refused.err or "group compute" in refused.err


def test_a_devices_network_is_found_by_its_address(cluster: Luna) -> None:
    cluster("otherdev", "add", "pdu", "--address", "10.141.0.77", "--address", "192.168.9.9")
    shown = cluster("otherdev", "show", "pdu", "-o", "json").json
    assert [(one["network"], one["address"]) for one in shown["addresses"]] == [
        ("cluster", "10.141.0.77"),
        (None, "192.168.9.9"),
    ]
    taken = cluster("otherdev", "add", "printer", "--address", "10.141.0.1")
    assert taken.status == 2
    assert "node node001" in taken.err
