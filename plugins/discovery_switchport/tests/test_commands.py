"""The verbs that the plugin adds to `luna switch`, and what `luna doctor` says of switches."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from luna_core.cli.main import cli
from luna_core.testing.facts import cluster
from luna_discovery_switchport.health import check_switches
from luna_discovery_switchport.snapshot import Entry, Folder, Port, Snapshot


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    folder = Folder(tmp_path)
    folder.create()
    return folder


def luna(*words: str, stdin: str = "") -> str:
    done = CliRunner().invoke(cli, words, input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_help_lists_the_verbs_of_plugins_apart(folder: Folder) -> None:
    own, _, added = luna("switch", "--help").partition("Commands of plugins:")
    assert "add" in own
    assert [line.split()[0] for line in added.split("\n") if line] == ["macs", "ports", "test"]


def test_macs_come_with_the_nodes_that_the_store_has_now(folder: Folder) -> None:
    luna("cluster", "init", "--frontend-address", "10.141.255.254")
    luna("group", "add", "compute")
    luna("switch", "add", "sw01", "--address", "192.0.2.1", "--community", "@-", stdin="public")
    entry = Entry(mac="52:54:00:00:00:01", vlan=7, bridge_port=1, if_index=101, last_seen=time.time() - 60)
    port = Port(if_index=101, bridge_ports=(1,), name="swp1")
    folder.write(Snapshot(switch="sw01", ports=(port,), entries=(entry,)))
    luna("node", "add", "node001", "--group", "compute", "--switch", "sw01", "--ports", "swp1")
    (row,) = json.loads(luna("switch", "macs", "sw01", "-o", "json"))
    assert (row["mac"], row["port"], row["vlan"], row["node"]) == ("52:54:00:00:00:01", "swp1", 7, "node001")
    assert row["age_s"] >= 60


def test_an_unknown_switch_is_named(folder: Folder) -> None:
    luna("cluster", "init", "--frontend-address", "10.141.255.254")
    done = CliRunner().invoke(cli, ["switch", "macs", "sw09"])
    assert "There is no switch 'sw09'" in str(done.exception)


def test_the_doctor_names_switches_that_cannot_be_asked(folder: Folder) -> None:
    folder.write(Snapshot(switch="sw01", polled_at=time.time()))
    assert check_switches(cluster()).status == "ok"
    folder.write(Snapshot(switch="sw02", polled_at=time.time()).failed("switch sw02: no answer."))
    result = check_switches(cluster())
    assert (result.status, result.message) == ("failed", "1 of 2 switches can't be asked: sw02.")


def test_the_doctor_names_switches_that_nobody_asks(folder: Folder) -> None:
    luna("cluster", "init", "--frontend-address", "10.141.255.254")
    luna("network", "add", "cluster", "--network", "10.141.0.0/16")
    luna("switch", "add", "sw01", "--address", "10.141.255.1")
    result = check_switches(cluster())
    assert result.status == "warning"
    assert result.message == "1 of 1 switches are not asked, for lack of a community or user: sw01."
    luna("switch", "change", "sw01", "--community", "@-", stdin="public")
    assert check_switches(cluster()).message == "1 of 1 switches were never asked: sw01."
    folder.write(Snapshot(switch="sw01", polled_at=time.time()))
    assert check_switches(cluster()).message == "1 switches answer."


def test_the_doctor_notices_that_nobody_polls(folder: Folder) -> None:
    folder.write(Snapshot(switch="sw01", polled_at=time.time() - 3600))
    assert check_switches(cluster()).status == "warning"
