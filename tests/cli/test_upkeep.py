"""Settings, doctor and store on the command line."""

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.cli.output import emit
from luna_core.services import neighbour_table
from luna_core.services.status import alone
from luna_core.services.user import AS_ROOT

Luna = Callable[..., Any]
BROKEN = """
from luna_core.hookspecs import hookimpl
from luna_core.types import Check, CheckResult, Setting

@hookimpl
def luna_settings():
    return [Setting(name="site.color", default="red", help="Color of the racks.", choices=("red", "blue"))]

@hookimpl
def luna_checks():
    def fails(cluster):
        raise RuntimeError("no power")
    return [
        Check(name="fine", run=lambda cluster: CheckResult(status="ok", message=cluster.name)),
        Check(name="power", run=fails),
    ]
"""


@pytest.fixture
def site(cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Luna:
    """A cluster whose only plugin is a file of the site's."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "site.py").write_text(BROKEN)
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(plugins))
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    return cluster


def test_settings_are_listed_set_and_unset(site: Luna) -> None:
    rows = {row["name"]: row for row in site("settings", "list", "-o", "json").json}
    assert (rows["site.color"]["value"], rows["node.digits"]["value"]) == ("red", 3)
    assert site("settings", "set", "site.color", "blue").status == 0
    assert site("settings", "show", "site.color", "-o", "json").json["value"] == "blue"
    assert site("settings", "unset", "site.color").status == 0
    assert site("settings", "show", "site.color", "-o", "json").json["value"] == "red"
    assert site("settings", "unset", "site.color").status == 2
    for name, value in (("site.color", "green"), ("node.digits", "many"), ("nothing", "x")):
        assert site("settings", "set", name, value).status == 2
    assert site("settings", "show", "nothing").status == 2


def test_doctor_tells_what_failed_and_exits_with_1(site: Luna) -> None:
    done = site("doctor")
    assert done.status == 1
    rows = {line.split("  ")[0]: line for line in done.out.splitlines()}
    assert "ok" in rows["site: fine"]
    assert "no power" in rows["site: power"]
    assert "Traceback" not in done.err


def test_a_terminal_is_shown_all_of_what_doctor_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    row = {"check": "services", "status": "warning", "message": "luna serve does not run here, as " + "it should " * 9}
    emit([row], ("check", "status", "message"), "table", wrap=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 50
    assert " ".join(" ".join(lines).split()) == f"CHECK STATUS MESSAGE services warning {row['message']}".strip()


def test_doctor_warns_of_a_table_of_neighbours_that_is_too_small(
    cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "neigh/default/gc_thresh3"
    limit.parent.mkdir(parents=True)
    monkeypatch.setattr(neighbour_table, "LIMITS", {4: limit})
    addresses = sum(
        len(each) for one in cluster("node", "list", "-o", "json").json for each in one["addresses"].values()
    )
    assert addresses > 1

    def warned() -> bool:
        return "neighbour table" in cluster("doctor").out

    for number, is_too_small in ((addresses, True), (10 * addresses, False)):
        limit.write_text(f"{number}\n")
        assert warned() is is_too_small


def test_doctor_warns_of_a_boot_network_without_ipv4_that_lacks_a_range(cluster: Luna) -> None:
    def warned() -> bool:
        found = cluster("doctor", "-o", "json").json
        return any(one["check"] == "DHCPv6" and "network sixth by IPv6 alone" in one["message"] for one in found)

    cluster("network add sixth --network fd00:6::/64")
    cluster("group add alone")
    cluster("group interface add alone BOOTIF --network cluster --network sixth")
    cluster("node add six --group alone")
    assert not warned()
    cluster("group interface change alone BOOTIF --network sixth")
    assert warned()
    cluster("settings set dhcp.server none")
    assert not warned()
    cluster("settings unset dhcp.server")
    assert warned()
    cluster("network change sixth --dhcp fd00:6::1:0-fd00:6::1:ff")
    assert not warned()


def test_doctor_names_a_plugin_that_cannot_be_loaded(cluster: Luna, tmp_path: Path, monkeypatch: Any) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "bad.py").write_text("import nothing_of_that_name\n")
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(plugins))
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    done = cluster("doctor")
    assert done.status == 1
    assert "plugin bad" in done.out
    assert "nothing_of_that_name" in done.out
    assert cluster("node", "list").status == 0


def test_a_plugin_that_raises_is_a_warning_in_one_line(process: Luna, tmp_path: Path, monkeypatch: Any) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "bad.py").write_text(
        "from luna_core.hookspecs import hookimpl\n@hookimpl\ndef luna_settings():\n    raise RuntimeError('boom')\n"
    )
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(plugins))
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    done = process("settings", "list")
    assert done.status == 0
    assert "node.digits" in done.out
    assert done.err == "luna: plugin bad failed in luna_settings: RuntimeError: boom\n"
    doctor = process("doctor", "-o", "json")
    assert doctor.status == 1
    assert any("boom" in one["message"] for one in json.loads(doctor.out))


def test_doctor_tells_of_what_runs(cluster: Luna, state: Path) -> None:
    def services() -> list[tuple[str, str]]:
        found = json.loads(cluster("doctor", "-o", "json").out)
        return [(one["status"], one["message"]) for one in found if one["check"] == "services"]

    assert services() == [("warning", "luna serve does not run on this machine.")]
    running = {"name": "dns", "state": "running", "last_exit": ""}
    waiting = {"name": "dhcp", "state": "waiting", "last_exit": "it exited with status 2"}
    with alone(state, None) as status_file:
        status_file.write_text(json.dumps({"problems": [], "services": [running]}))
        assert services() == [("ok", "Every service that luna serve is to run does.")]
        problems = ["dhcp: the old files stay in force: odd", f"{AS_ROOT}, who owns it."]
        status_file.write_text(json.dumps({"problems": problems, "services": [running, waiting]}))
        wanted = [("failed", problems[0]), ("warning", problems[1]), ("failed", "dhcp: it exited with status 2.")]
        assert services() == wanted
        assert cluster("doctor").status == 1


def test_doctor_finds_a_damaged_store(cluster: Luna, state: Path) -> None:
    assert cluster("doctor").status == 0
    with sqlite3.connect(state / "luna.db") as connection:
        connection.execute("DELETE FROM key WHERE space = 'name:node' AND value = 'node002'")
    connection.close()
    done = cluster("doctor")
    assert done.status == 1
    assert "node002" in done.out


def test_store_info_counts_and_migrate_copies(cluster: Luna, tmp_path: Path, monkeypatch: Any) -> None:
    info = cluster("store", "info", "-o", "json").json
    assert (info["objects"]["node"], info["changes"]) == (4, 10)
    before = cluster("export").out + cluster("history").out
    old, new = f"sqlite://{tmp_path}/luna.db", f"sqlite://{tmp_path}/new.db"
    assert cluster("store", "migrate", "--from", old, "--to", new).status == 0
    monkeypatch.setenv("LUNA_STORE", new)
    assert cluster("export").out + cluster("history").out == before
    assert cluster("store", "migrate", "--from", old, "--to", new).status == 2
    missing = cluster("store", "migrate", "--from", f"sqlite://{tmp_path}/none.db", "--to", new)
    assert missing.status == 2
    assert not (tmp_path / "none.db").exists()
