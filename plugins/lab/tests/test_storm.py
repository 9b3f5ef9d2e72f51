"""Storms: many light nodes, each with a network of its own, boot and install against the real services."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from luna_core.errors import LunaError
from luna_core.run import run
from luna_lab import state
from luna_lab.storm import Storm, StormPlan
from luna_lab.storm_command import storm
from luna_lab.storm_ipxe import Firmware, ScriptFailed
from luna_lab.storm_network import without_ipv6
from luna_lab.storm_node import STEPS
from luna_lab.storm_report import when

LUNA = Path(sys.executable).parent / "luna"
NAME = f"test-storm-{os.getpid()}"
NODES = 8
SMALL = ("--nodes", str(NODES), "--mbit", "50", "--controller-mbit", "50", "--image-kb", "500")
WAIT_S = 300.0
pytestmark = pytest.mark.timeout(900)


def test_every_node_has_every_step_and_nothing_of_it_stays(tmp_path: Path) -> None:
    picture = tmp_path / "curves.svg"
    how = ("--racks", "2", "--relays", "--wave", "2", "--name", NAME, "--svg", str(picture), "-o", "json")
    told = json.loads(run([LUNA, "lab", "storm", *SMALL, *how], timeout_s=WAIT_S))
    assert told["failed"] == {}
    assert {row["step"]: row["nodes"] for row in told["steps"]} == dict.fromkeys(STEPS, NODES)
    assert told["finished"] == NODES
    assert told["image_bytes_from_peers"] + told["image_bytes_from_controller"] >= NODES * told["image_bytes"]
    assert told["image_bytes_from_peers"] > 0
    assert not [trouble for trouble in told["troubles"] if "relay" in trouble], "every node was ready to relay"
    assert picture.read_text().count("<polyline") == len(STEPS)
    assert NAME not in {one.name for one in state.labs()}
    assert NAME not in run(["ip", "netns", "list"])


@pytest.fixture
def running() -> "Iterator[subprocess.Popen[str]]":
    # It ends with the tests, if they are killed.
    command = ["setpriv", "--pdeathsig", "KILL", str(LUNA), "lab", "storm", "--nodes", "2"]
    command += ["--image-kb", "9000", "--mbit", "0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        assert any("all nodes are switched on" in line for line in process.stderr)
        yield process
    finally:
        process.kill()
        process.wait()
        for one in state.labs():
            if one.pid == process.pid:
                state.remove(one)


def test_ctrl_c_ends_it_and_removes_everything(running: "subprocess.Popen[str]") -> None:
    running.send_signal(signal.SIGINT)
    assert running.wait(WAIT_S) != 0
    assert f"storm-{running.pid}" not in run(["ip", "netns", "list"])
    assert running.pid not in {one.pid for one in state.labs()}


def test_what_a_killed_one_leaves_is_removed_as_any_lab(running: "subprocess.Popen[str]") -> None:
    with state.sweeping():
        running.kill()
        running.wait()
        run([LUNA, "lab", "down", f"storm-{running.pid}"])
    assert f"storm-{running.pid}" not in run(["ip", "netns", "list"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--nodes 0", "0 is not in the range x>=1"),
        ("--mbit -3", "-3.0 is not in the range 0<=x<=30000"),
        ("--mbit nan", "'nan' was given; accepted is a number"),
        ("--mbit 1e308", "1e+308 is not in the range 0<=x<=30000"),
        ("--controller-mbit -3", "-3.0 is not in the range 0<=x<=30000"),
        ("--racks -1", "-1 is not in the range x>=0"),
        ("--uplink 0 --racks 2", "0.0 is not in the range 0<x<=30000"),
        ("--uplink nan --racks 2", "'nan' was given; accepted is a number"),
        ("--uplink 4", "accepted is with --racks"),
        ("--wave -1", "-1 is not in the range x>=0"),
        ("--image-kb 0", "0 is not in the range x>=1"),
        ("--kernel-kb -1", "-1 is not in the range x>=1"),
        ("--timeout 0", "0.0 is not in the range 0<x<=86400"),
        ("--timeout nan", "'nan' was given; accepted is a number"),
        ("--timeout inf", "inf is not in the range 0<x<=86400"),
        ("--set foo", "'foo' was given; accepted is NAME=VALUE"),
        ("--svg /nowhere/x.svg", "accepted is a file in a directory that is there"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(words: str, said: str) -> None:
    done = CliRunner().invoke(storm, ["--nodes", "1", *words.split()])
    assert done.exit_code == 2
    assert said in done.output.replace("\n", " ")


def test_programs_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luna_lab.storm.PROGRAMS", ("ip", "weather-machine"))
    before = [one.name for one in state.labs()]
    with pytest.raises(LunaError, match="A storm needs weather-machine: not found"), Storm(StormPlan(nodes=1)):
        pass
    assert [one.name for one in state.labs()] == before


def test_a_kernel_without_ipv6_has_nothing_to_switch_off(tmp_path: Path) -> None:
    without_ipv6(tmp_path / "disable_ipv6")
    (tmp_path / "disable_ipv6").write_text("0")
    without_ipv6(tmp_path / "disable_ipv6")
    assert (tmp_path / "disable_ipv6").read_text() == "1"


MAC = "52:54:00:73:00:01"


@pytest.fixture
def firmware() -> Callable[..., tuple[Firmware, list[str]]]:
    """A machine that finds what is given by URL, and the list of what it asked for."""

    def make(**found: str) -> tuple[Firmware, list[str]]:
        asked: list[str] = []

        def fetch(kind: str, url: str) -> bytes:
            asked.append(f"{kind} {url}")
            name = url.partition("?")[0].rpartition("/")[2]
            if name not in found:
                raise OSError(url)
            return found[name].encode()

        return Firmware({"net0/mac": MAC, "netX/mac": MAC}, fetch), asked

    return make


def test_a_script_is_followed_to_its_kernel(firmware: Callable[..., tuple[Firmware, list[str]]]) -> None:
    entry = (
        "#!ipxe\nisset ${net0/mac} && set macs ${macs}&mac=${net0/mac} ||\n"
        "isset ${net1/mac} && set macs ${macs}&mac=${net1/mac} ||\n"
        "chain --autofree http://c/discovery?booted=${netX/mac}${macs} || goto again\n:again\nsleep 0\n"
    )
    boot = (
        "#!ipxe\nkernel --timeout 9 --name kernel http://relay/kernel a=b || goto controller\ngoto loaded\n"
        ":controller\nkernel http://c/vmlinuz initrd=initramfs a=b || goto failed\n"
        "initrd http://c/initramfs || goto failed\n:loaded\nimgfetch http://c/loaded && imgfree loaded ||\n"
        "boot || goto failed\n:failed\n"
    )
    machine, asked = firmware(ipxe=entry, discovery=boot, vmlinuz="kernel", initramfs="initramfs")
    assert machine.run("http://c/ipxe") == ["initrd=initramfs", "a=b"]
    assert parse_qs(urlsplit(asked[1].split()[1]).query) == {"booted": [MAC], "mac": [MAC]}
    assert asked[2:] == [
        *("kernel http://relay/kernel", "kernel http://c/vmlinuz"),
        *("initramfs http://c/initramfs", "other http://c/loaded"),
    ]


def test_a_script_that_ends_or_fails_boots_nothing(firmware: Callable[..., tuple[Firmware, list[str]]]) -> None:
    for script in ("#!ipxe\necho nothing\n", "#!ipxe\nkernel http://c/missing\nboot\n", "#!ipxe\nshell\n"):
        with pytest.raises(ScriptFailed):
            firmware(ipxe=script)[0].run("http://c/ipxe")


def test_a_share_of_the_nodes_is_rounded_up_and_counts_those_that_never_had_the_step() -> None:
    assert when([3.0, 1.0, 2.0], 0.5, 4) == 2.0
    assert when([3.0, 1.0, 2.0], 0.01, 4) == 1.0
    assert when([3.0, 1.0, 2.0], 1.0, 4) is None
