"""Settings, doctor and store on the command line."""

import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from luna_core.cli.output import emit
from luna_core.operations import checkup
from luna_core.secrets import Keyring
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


def test_a_number_out_of_its_range_is_refused(site: Luna) -> None:
    numbers = {
        ("boot.wave", "-3"): "from 0 to 2147483647",
        ("boot.wave", "3000000000"): "from 0 to 2147483647",
        ("node.digits", "13"): "from 1 to 12",
        ("power.timeout_s", "0"): "from 0.1 to 3600",
        ("power.timeout_s", "1e308"): "from 0.1 to 3600",
        ("power.timeout_s", "nan"): "a number",
        ("power.stagger_s", "1e308"): "from 0 to 3600",
        ("power.stagger_s", "inf"): "a number",
        ("http.port", "70000"): "from 1 to 65535",
        ("discovery.min_confidence", "1.5"): "from 0 to 1",
    }
    for (name, value), accepted in numbers.items():
        before = site("settings", "show", name, "-o", "json").json
        done = site("settings", "set", name, "--", value)
        assert (done.status, done.err) == (2, f"luna: setting {name}: {value!r} was given; accepted is {accepted}.\n")
        assert site("settings", "show", name, "-o", "json").json == before
    shown = [site("settings", "show", name, "-o", "json").json for name in ("power.timeout_s", "boot.relays")]
    assert [(one["least"], one["most"]) for one in shown] == [(0.1, 3600), (None, None)]


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


def test_doctor_warns_of_drivers_that_are_not_there(cluster: Luna) -> None:
    def found() -> dict[str, str]:
        return {one["check"]: one["message"] for one in cluster("doctor", "-o", "json").json}

    cluster("bmcsetup change default --driver fke")
    cluster("osimage change compute --distro fakee")
    said = found()
    assert said["bmcsetup default"] == "Its driver 'fke' is not active; those that are: fake. Did you mean fake?"
    assert said["osimage compute"] == "Its distro 'fakee' is not active; those that are: fake. Did you mean fake?"
    assert "dhcp driver 'dnsmasq' is disabled" in said["DHCP and DNS"]
    cluster("bmcsetup change default --driver fake")
    cluster("osimage change compute --distro auto")
    for kind in ("dhcp", "dns"):
        cluster("settings", "set", f"{kind}.server", "none")
    assert not {"bmcsetup default", "osimage compute", "DHCP and DNS"} & found().keys()


def test_doctor_warns_of_a_driver_that_cannot_be_imported(cluster: Luna, process: Luna, tmp_path: Path) -> None:
    metadata = tmp_path / "site/acme-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[luna.bmc]\nacme = acme:Acme\n")
    (tmp_path / "site/acme.py").write_text("import no_such_library\n")
    cluster("bmcsetup change default --driver acme")
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    found = json.loads(process("doctor", "-o", "json", LUNA_NO_PLUGINS="0", PYTHONPATH=path).out)
    (said,) = (one["message"] for one in found if one["check"] == "bmcsetup default")
    assert said.startswith("Its driver 'acme' is not active; those that are: ")


def test_doctor_tells_that_the_key_is_another_one_or_missing(cluster: Luna, state: Path) -> None:
    def said() -> list[str]:
        found = json.loads(cluster("doctor", "-o", "json").out)
        return [one["message"] for one in found if one["check"] == "secrets"]

    assert not said()
    (state / "luna.key").rename(state / "right.key")
    assert said() == [
        f"The key of the stored secrets, {state}/luna.key, is missing: copy it from the controller that has it."
    ]
    Keyring(state / "luna.key").encrypt("something")
    assert cluster("doctor").status == 1
    assert said()[0].startswith(f"A stored secret was not encrypted with the key in {state}/luna.key.")


def test_doctor_warns_of_a_rank_that_no_plugin_has(cluster: Luna, process: Luna) -> None:
    assert "discovery.rank" not in process("doctor", LUNA_NO_PLUGINS="0").out
    cluster("settings set discovery.rank mac,switchprt")
    found = json.loads(process("doctor", "-o", "json", LUNA_NO_PLUGINS="0").out)
    (said,) = (one["message"] for one in found if one["check"] == "discovery.rank")
    assert said.startswith("No active plugin 'switchprt' names machines; those that do: ")
    assert said.endswith("Did you mean switchport?")


def test_doctor_warns_of_a_value_that_a_setting_no_longer_takes(site: Luna, process: Luna, tmp_path: Path) -> None:
    site("settings set site.color blue")
    plugin = tmp_path / "plugins/site.py"
    # A default that is out of its own range is the plugin's fault, which no administrator can mend.
    large = 'Setting(name="site.bytes", default=1 << 33, help="Size."), '
    plugin.write_text(BROKEN.replace("return [Setting(", f"return [{large}Setting("))
    assert not re.search(r"site\.(color|bytes)", process("doctor").out)
    plugin.write_text(BROKEN.replace('("red", "blue")', '("red", "green")'))
    found = {one["check"]: one for one in json.loads(process("doctor", "-o", "json").out)}
    assert found["site.color"]["message"] == (
        "Its value is no longer accepted, and its default 'red' is in force: "
        "setting site.color: 'blue' was given; accepted are red, green."
    )
    assert found["site.color"]["status"] == "warning"


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


@pytest.mark.parametrize(
    ("damage", "check", "why"),
    [
        ("UPDATE record SET body = '{}' WHERE kind = 'bmcsetup'", "drivers", "it is required but was not given"),
        ("DELETE FROM record WHERE kind = 'network'", "DHCP and DNS", "KeyError"),
        ("UPDATE record SET body = json_set(body, '$.driver', 7) WHERE kind = 'bmcsetup'", "secrets", "driver"),
        ("", "DHCP and DNS", "ValueError: no such lease"),
    ],
)
def test_doctor_goes_on_after_what_it_cannot_look_at(
    cluster: Luna, state: Path, monkeypatch: pytest.MonkeyPatch, damage: str, check: str, why: str
) -> None:
    def fails(*arguments: object) -> None:
        raise ValueError("no such lease")

    if damage:
        with closing(sqlite3.connect(state / "luna.db")) as connection, connection:
            assert connection.execute(damage).rowcount
    else:
        monkeypatch.setattr(checkup, "network_servers", fails)
    assert cluster("doctor").status == 1
    found = json.loads(cluster("doctor", "-o", "json").out)
    (said,) = (one["message"] for one in found if (one["check"], one["status"]) == (check, "failed"))
    assert said.startswith("This was not looked at, or not all of it: ")
    assert why in said
    assert ("store" in {one["check"] for one in found if one["status"] == "failed"}) == bool(damage)
    assert {"services", "plugins"} < {one["check"] for one in found}


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
