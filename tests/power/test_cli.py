"""`luna power` and `lpower` as administrators use them, on fake BMCs."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.cli.lpower import arranged
from luna_core.testing.command_line import Outcome
from luna_core.testing.fakes.bmc import FakePowerDriver
from luna_core.types import BootDevice, PowerState

Luna = Callable[..., Outcome]


def test_answers_come_one_a_line_and_folded_at_the_end(cluster: Luna) -> None:
    done = cluster("power on node[001-003,005]")
    assert done.status == 0
    assert sorted(done.out.splitlines()[:4]) == [f"node{number}: on" for number in ("001", "002", "003", "005")]
    assert done.out.splitlines()[4:] == ["", "node[001-003,005]: on"]
    done = cluster("power status node[001-006]")
    assert done.out.splitlines()[-2:] == ["node[004,006]: off", "node[001-003,005]: on"]
    assert cluster("power status node001").out == "node001: on\n"


def test_nodes_are_selected_as_everywhere(cluster: Luna) -> None:
    cluster("node change node002 --tags gpu")
    for words in ("@compute&@tag:gpu", "--group compute --tag gpu", "node[001-003] --tag gpu", "@tag:gpu"):
        assert cluster(f"power status {words}").out == "node002: off\n", words
    none = cluster("power status --group bare")
    assert (none.status, none.out, none.err) == (0, "", "No node is like that.\n")


@pytest.mark.parametrize("words", ["status", "on", "sel list", "bootdev network"])
def test_without_nodes_it_is_wrong_usage(cluster: Luna, machines: dict[str, Any], words: str) -> None:
    done = cluster(f"power {words}")
    assert done.status == 2
    assert "Name nodes" in done.err
    assert not machines


def test_each_node_that_fails_says_why_and_the_others_go_on(cluster: Luna) -> None:
    for name, setup in (("node002", "dead"), ("node003", "refusing"), ("node004", "exotic"), ("node005", "silent")):
        assert cluster(f"node change {name} --bmcsetup {setup}").status == 0
    assert cluster("node add lost --group bare").status == 0
    done = cluster("power on node[001-007],lost")
    assert done.status == 1
    told = dict(line.split(": ", 1) for line in done.err.splitlines())
    assert told == {
        "lost": "it has no interface BMC; 'luna group interface add bare BMC --network NETWORK' gives it one.",
        "node002": "The BMC of node002 at 10.148.0.2 did not answer within 2 s.",
        "node003": "The BMC of node003 at 10.148.0.3 does not accept user 'ladmin'.",
        "node004": told["node004"],
        "node005": "bmcsetup silent: password: it has none; 'luna bmcsetup change silent --password ask' sets it.",
    }
    assert told["node004"].startswith("There is no bmc driver 'exotic'. Known are: fake")
    assert done.out.splitlines()[-2:] == ["node[001,006-007]: on", "lost,node[002-005]: failed"]


def test_what_is_called_bmc_and_is_none_can_be_made_one(cluster: Luna) -> None:
    cluster("group interface add bare eth1 --network ipmi")
    cluster("group interface rename bare eth1 BMC")
    assert cluster("node add lost --group bare").status == 0
    for owner in ("group", "node"):
        told = cluster("power status lost").err
        assert told.startswith(f"lost: interface BMC is of type ethernet; 'luna {owner} interface change "), told
        remedy = told.split("'")[1].removeprefix("luna ")
        assert cluster(remedy).status == 0, remedy
        assert cluster("power status lost").out == "lost: off\n"
        cluster("node interface change lost BMC --type ethernet")


def test_json_has_every_node_in_order_with_its_value_or_error(cluster: Luna) -> None:
    cluster("node change node002 --bmcsetup refusing")
    done = cluster("power status node[001-002] -o json")
    assert done.status == 1
    first, second = json.loads(done.out)
    assert first.pop("seconds") >= 0
    assert first == {"node": "node001", "driver": "fake", "bmc": "10.148.0.1", "power": "off", "error": None}
    assert (second["power"], "does not accept" in second["error"]) == (None, True)
    assert cluster("power on node001 -o yaml").out.startswith("- node: node001\n")


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("on", "off", "on"), ("off", "on", "off"), ("soft", "on", "off"), ("cycle", "on", "on"), ("reset", "on", "on")],
)
def test_actions_reach_the_bmc_and_wait_shows_the_state(cluster: Luna, action: str, before: str, after: str) -> None:
    cluster(f"power {before} node001")
    assert cluster(f"power {action} node001").out == f"node001: {action}\n"
    assert cluster("power status node001").out == f"node001: {after}\n"
    assert cluster(f"power {action} node001 --wait --timeout 60").out == f"node001: {after}\n"


def test_waiting_ends_in_words(cluster: Luna) -> None:
    """A fake machine that is off stays off when it is cycled."""
    done = cluster("power cycle node001 --wait --timeout 0")
    assert (done.status, done.err) == (1, "node001: it is still off after 0 s.\n")


def test_a_dry_run_tells_and_touches_nothing(cluster: Luna, machines: dict[str, Any]) -> None:
    done = cluster("power off node[001-012] --dry-run")
    assert done.out.splitlines()[0] == "node001: off through fake at 10.148.0.1 as admin"
    assert done.out.splitlines()[-1] == "node[001-012]: off (dry run)"
    assert not machines


def test_a_script_is_never_asked(cluster: Luna) -> None:
    assert cluster("power off @all").out.splitlines()[-1] == "node[001-012]: off"


def test_a_person_is_asked_before_many_nodes_go_down(cluster: Luna, tmp_path: Path) -> None:
    """At a true terminal: no answer but yes does anything, --yes isn't asked, and a few nodes aren't either."""
    luna = Path(sys.executable).with_name("luna")

    def at_terminal(words: str, answer: str) -> str:
        done = subprocess.run(
            ["script", "--quiet", "--return", "--command", f"{luna} power {words}", "/dev/null"],
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    asked = "off 12 nodes, node[001-012]? [y/N]"
    refused = at_terminal("off @all", "n\n")
    assert asked in refused
    assert "node012: off" not in refused
    assert "node012: off" in at_terminal("off @all", "y\n")
    assert asked not in at_terminal("off @all --yes", "")
    assert "node001: off" in at_terminal("off node001", "")


def test_the_other_things_that_bmcs_can_do(cluster: Luna, machines: dict[str, Any]) -> None:
    assert cluster("power bootdev network node001").out == "node001: boots from network once\n"
    assert cluster("power bootdev disk node002 --persistent").out == "node002: boots from disk\n"
    assert cluster("power identify node001 --seconds 30").out == "node001: identify for 30 s\n"
    assert cluster("power sensors node001").out == "node001: CPU1 20 °C ok\n"
    chassis = machines["10.148.0.1:None"]
    assert (chassis.boot_device, chassis.identify_s) == (BootDevice.NETWORK, 30)
    assert cluster("power identify node001 --off").out == "node001: identify off\n"
    assert chassis.identify_s == 0
    assert cluster("power sel list node001").out == "node001: no events\n"
    cluster("power on node001")
    shown = cluster("power sel list node001 -o json").json[0]["events"]
    assert [(one["sensor"], one["event"]) for one in shown] == [("chassis", "on")]
    assert cluster("power sel list node001").out.endswith("ok chassis: on\n")
    assert cluster("power sel clear node001").out == "node001: cleared\n"
    assert not chassis.events


def test_boot_devices_go_by_the_firmware_that_is_said_and_else_leave_it(
    cluster: Luna, machines: dict[str, Any]
) -> None:
    cluster("power status node001")
    chassis = machines["10.148.0.1:None"]
    for words, is_uefi in (("", False), ("--uefi", True), ("", True), ("--bios", False)):
        assert cluster(f"power bootdev network node001 {words}").status == 0
        assert chassis.is_uefi is is_uefi, words
    cluster("bmcsetup change default --option firmware=uefi")
    assert cluster("power bootdev network node001").status == 0
    assert chassis.is_uefi
    cluster("bmcsetup change default --option firmware=efi")
    refused = cluster("power bootdev network node001")
    assert (refused.status, "options.firmware: 'efi' was given; accepted is uefi or bios." in refused.err) == (1, True)


def test_an_option_that_is_secret_reaches_the_bmc_and_is_shown_to_nobody(cluster: Luna) -> None:
    refused = cluster("bmcsetup change default --option token=right")
    assert (refused.status, "options.token: *** was given; accepted is" in refused.err) == (2, True)
    assert cluster("bmcsetup change default --secret-option token=right").status == 2
    assert cluster("bmcsetup change default --secret-option token=@-", "not-that").status == 0
    assert cluster("power status node001").err.endswith("does not accept the token.\n")
    assert cluster("bmcsetup change default --secret-option token=@-", "right").status == 0
    assert cluster("power status node001").out == "node001: off\n"
    shown = [cluster(words).out for words in ("bmcsetup show default", "diff", "history", "export")]
    assert "token: ***" in shown[0]
    assert "secret_options.token: *** → *** (another)" in shown[1]
    assert not [text for text in shown if "right" in text or "not-that" in text]
    cluster("bmcsetup change default --secret-option token=")
    assert "token" not in cluster("bmcsetup show default").out


def test_plugins_hear_of_nodes_that_were_switched_and_of_no_others(
    cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUNA_NO_PLUGINS", "0")
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(tmp_path / "plugins"))
    (tmp_path / "plugins").mkdir(mode=0o755)
    heard = tmp_path / "heard"
    (tmp_path / "plugins/listener.py").write_text(
        "from luna_core.hookspecs import hookimpl\n\n"
        "@hookimpl\ndef luna_power_changed(node, state):\n"
        f"    with open({str(heard)!r}, 'a') as file:\n        print(node.name, node.group, state, file=file)\n"
    )
    cluster("node change node002 --bmcsetup refusing")
    assert cluster("power on node[001-003]").status == 1
    assert sorted(heard.read_text().splitlines()) == ["node001 compute on", "node003 compute on"]
    cluster("power status node001")
    cluster("power off node001 --dry-run")
    assert len(heard.read_text().splitlines()) == 2
    cluster("power soft node001")
    assert heard.read_text().splitlines()[2] == "node001 compute off"


def test_who_did_what_last_is_kept_until_the_node_goes(cluster: Luna) -> None:
    cluster("node change node002 --bmcsetup refusing")
    cluster("--why maintenance power off node[001-002]")
    kept, failed = cluster("power last @all -o json").json
    assert (kept["node"], kept["action"], kept["why"], kept["failed"]) == ("node001", "off", "maintenance", None)
    assert kept["who"]
    assert (failed["node"], failed["action"]) == ("node002", "")
    assert failed["failed"].startswith(f"'luna power off' by {kept['who']} failed at ")
    cluster("node change node001 --bmcsetup refusing")
    cluster("power on node001")
    kept = cluster("power last node001 -o json").json[0]
    assert (kept["action"], "does not accept" in kept["failed"]) == ("off", True)
    cluster("node change node001 --bmcsetup default")
    cluster("power cycle node001")
    cluster("power status node001")
    kept = cluster("power last node001 -o json").json[0]
    assert (kept["action"], kept["failed"]) == ("cycle", None)
    cluster("node delete node001")
    cluster("node add node001 --group compute")
    assert cluster("power last node001").err == "Nothing was done to these nodes through luna yet.\n"


def test_a_console_that_a_driver_lacks_is_a_sentence(cluster: Luna) -> None:
    assert cluster("power console node001").err == "luna: The FakePowerDriver has no console.\n"
    done = cluster("power console node[001-002]")
    assert (done.status, "which is 2 nodes" in done.err) == (2, True)


def test_a_console_has_the_terminal_and_its_log_is_for_root_alone(
    cluster: Luna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = ["sh", "-c", "echo hello from node001; exit 3"]
    monkeypatch.setattr(FakePowerDriver, "console_command", lambda self, bmc: talk)
    log = tmp_path / "console.log"
    log.write_text("earlier\n")
    log.chmod(0o600)
    assert cluster(f"power console node001 --log {log}").status == 1
    assert log.read_bytes() == b"earlier\nhello from node001\r\n"
    other = tmp_path / "other.log"
    talk[2] = "test -t 1 && echo fine"
    assert cluster(f"power console node001 --log {other}").status == 0
    assert (other.read_bytes(), other.stat().st_mode & 0o777) == (b"fine\r\n", 0o600)
    assert cluster(f"power console node001 --log {tmp_path}/no/such").status == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("node[001-040] on", "on node[001-040]"),
        ("on node[001-040]", "on node[001-040]"),
        ("node001 off --wait", "off node001 --wait"),
        ("status --group compute", "status --group compute"),
        ("sel list node001", "sel list node001"),
        ("--help", "--help"),
        ("", ""),
    ],
)
def test_lpower_takes_its_words_in_either_order(typed: str, meant: str) -> None:
    assert arranged(typed.split()) == meant.split()


def test_nodes_are_shown_with_their_power_only_when_asked(cluster: Luna) -> None:
    cluster("power on node001")
    cluster("node change node002 --bmcsetup refusing")
    listed = cluster("node list node[001-003] --power")
    assert [line.split()[-1] for line in listed.out.splitlines()] == ["POWER", "on", "unknown", "off"]
    assert listed.err == "node002: The BMC of node002 at 10.148.0.2 does not accept user 'ladmin'.\n"
    assert "power" not in cluster("node list -o json").json[0]
    assert cluster("node show node001 --power -o json").json["power"] == "on"
    assert cluster("node show node[001-003] --power --explain -o json").json[2]["power"] == {
        "value": "off",
        "from": "BMC",
    }


def test_lpower_is_installed(cluster: Luna) -> None:
    lpower = Path(sys.executable).with_name("lpower")
    done = subprocess.run([str(lpower), "node001", "status"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "node001: off\n")


def test_many_bmcs_of_several_drivers_are_asked_at_once(cluster: Luna, machines: dict[str, Any]) -> None:
    cluster("node change node[007-012] --bmcsetup exotic")
    done = cluster("power on @all")
    assert done.status == 1
    assert done.out.splitlines()[-2:] == ["node[001-006]: on", "node[007-012]: failed"]
    assert {one.power for one in machines.values()} == {PowerState.ON}


def test_ctrl_c_keeps_what_was_done_and_leaves_nobody_behind(cluster: Luna) -> None:
    """node001 is switched at once; the BMC of node002 thinks it over."""
    cluster("settings set power.timeout_s 3600")
    cluster("bmcsetup add slow --driver fake --options delay_s=3000 --password @-", "x")
    cluster("node change node002 --bmcsetup slow")
    luna = Path(sys.executable).with_name("luna")
    words = [str(luna), "power", "on", "node[001-002]"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "node001: on\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Exception" not in said
    assert [one["node"] for one in cluster("power last @all -o json").json] == ["node001"]
