"""Labs on this machine: apart from each other and from its network, and gone when they are to be gone."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.errors import BadInput, LunaError
from luna_core.run import run
from luna_lab import state
from luna_lab.lab import CONTROLLER, Lab

LUNA = Path(sys.executable).parent / "luna"
WAIT_S = 300.0
# Others may test on this machine at the same time.
ONE, TWO, TAKEN, HELD, NEXT = (f"test-{name}-{os.getpid()}" for name in ("one", "two", "taken", "held", "next"))
pytestmark = pytest.mark.timeout(900)


def namespaces() -> str:
    return run(["ip", "netns", "list"])


def test_two_labs_have_the_same_addresses_and_do_not_meet(luna_lab: Callable[..., Lab]) -> None:
    labs = [luna_lab(nodes=2, name=name) for name in (ONE, TWO)]
    for lab in labs:
        with lab.namespace.inside():
            server = socket.create_server((str(CONTROLLER.ip), 7050))
        with server, lab.namespace.inside():
            socket.create_connection((str(CONTROLLER.ip), 7050)).close()
    assert {one.name for one in state.labs()} >= {ONE, TWO}


def test_nothing_leads_out_of_a_lab(luna_lab: Callable[..., Lab]) -> None:
    lab = luna_lab(nodes=2)
    links = {link["ifname"] for link in json.loads(run(lab.namespace.command("ip", "-json", "link")))}
    # Every network has what the machine's modules put there, such as the ends of tunnels to nowhere.
    fresh = {link["ifname"] for link in json.loads(run(["unshare", "--net", "ip", "-json", "link"]))}
    assert links == fresh | {"br0", "tap1", "tap2"}
    assert "default" not in run(lab.namespace.command("ip", "route"))
    with (
        lab.namespace.inside(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
        pytest.raises(OSError, match="unreachable"),
    ):
        out.connect(("192.0.2.1", 9))


def test_a_name_that_is_taken_is_refused_and_the_lab_that_has_it_stays(luna_lab: Callable[..., Lab]) -> None:
    luna_lab(name=TAKEN)
    with pytest.raises(BadInput, match=f"{TAKEN}.*luna lab down {TAKEN}"), Lab(name=TAKEN):
        pass
    assert f"luna-lab-{TAKEN}" in namespaces()


@pytest.mark.parametrize("name", ["../lab", "-", "Lab", "a" * 33])
def test_a_name_that_can_name_no_namespace_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="name"), Lab(name=name):
        pass


def test_links_are_held_to_a_rate_at_every_node_and_at_the_controller(luna_lab: Callable[..., Lab]) -> None:
    lab = luna_lab(nodes=2, link_mbit=100)
    shaped = json.loads(run(lab.namespace.command("tc", "-json", "qdisc", "show")))
    rates = {one["dev"]: one["options"]["rate"] for one in shaped if one["kind"] == "tbf"}
    assert rates == dict.fromkeys(("br0", "tap1", "tap2"), 100 * 1000000 // 8)


@pytest.fixture
def held_by_another_process() -> "Iterator[subprocess.Popen[str]]":
    # It ends with the tests, if they are killed.
    command = ["setpriv", "--pdeathsig", "KILL", str(LUNA), "lab", "up", "--name", HELD]
    command += ["--ram", "64", "--bare", "--verbose"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert any("node001 SeaBIOS" in line for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait()
        for one in state.labs():
            if one.name == HELD:
                state.remove(one)


def test_ctrl_c_removes_everything(held_by_another_process: "subprocess.Popen[str]") -> None:
    held_by_another_process.send_signal(signal.SIGINT)
    assert held_by_another_process.wait(WAIT_S) == 0
    assert HELD not in namespaces()
    assert HELD not in {one.name for one in state.labs()}


def test_down_removes_a_lab_that_another_process_holds(held_by_another_process: "subprocess.Popen[str]") -> None:
    listed = json.loads(run([LUNA, "lab", "status", "-o", "json"]))
    assert [one["nodes"] for one in listed if one["name"] == HELD] == [{"node001": "10.141.0.1"}]
    run([LUNA, "lab", "down", HELD])
    assert held_by_another_process.wait(WAIT_S) == 0
    assert HELD not in namespaces()


def test_killing_the_holder_kills_the_machines_and_down_removes_the_rest(
    held_by_another_process: "subprocess.Popen[str]",
) -> None:
    (qemu,) = (int(pid) for pid in run(["ip", "netns", "pids", f"luna-lab-{HELD}"]).split())
    handle = os.pidfd_open(qemu)
    with state.sweeping():
        held_by_another_process.kill()
        assert select.select([handle], [], [], WAIT_S)[0], "QEMU outlived the lab"
        os.close(handle)
        (left,) = (one for one in json.loads(run([LUNA, "lab", "status", "-o", "json"])) if one["name"] == HELD)
        assert left["held_by"] is None
        assert HELD in namespaces()
        run([LUNA, "lab", "down", HELD])
    assert HELD not in namespaces()
    assert not Path(left["directory"]).exists()


def test_the_next_lab_removes_what_a_killed_one_left(
    held_by_another_process: "subprocess.Popen[str]", luna_lab: Callable[..., Lab]
) -> None:
    with state.sweeping():
        held_by_another_process.kill()
        held_by_another_process.wait()
        assert HELD in namespaces()
    luna_lab(name=NEXT)
    assert HELD not in namespaces()
    assert HELD not in {one.name for one in state.labs()}


def test_a_disk_keeps_what_is_on_it_when_the_machine_is_off_until_it_is_pulled(luna_lab: Callable[..., Lab]) -> None:
    lab = luna_lab(memory_mb=64, disks_mb=[8, 16])
    (node,) = lab.machines
    node.start()
    lab.events.wait(node.name, "SeaBIOS", WAIT_S)
    node.stop()
    disk = node.disk(1)
    assert disk.stat().st_size == 8 << 20
    with disk.open("r+b") as file:
        file.write(b"kept")
    node.start()
    with pytest.raises(LunaError, match="node001 is on"):
        node.pull_disk(1)
    node.stop()
    assert disk.read_bytes()[:4] == b"kept"
    node.pull_disk(1)
    node.start()
    node.stop()
    assert not disk.exists()
    assert node.disk(2).stat().st_size == 16 << 20


def test_a_machine_with_a_tpm_does_not_start_where_there_is_none(
    luna_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = luna_lab(memory_mb=64, tpm=True).machines
    with monkeypatch.context() as without:
        without.setenv("PATH", "/nonexistent")
        with pytest.raises(LunaError, match="install the package swtpm"):
            node.start()
    assert not node.running
