"""BMCs really switch QEMU, and the switch tells what the bridge has learned; asked by others' clients."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Set
from pathlib import Path

import pytest

from luna_core.errors import CommandFailed, LunaError
from luna_core.run import run
from luna_lab import state
from luna_lab.lab import Lab
from luna_lab.rack import SWITCH, Rack

SAID_WITHIN_S = 300.0
pytestmark = pytest.mark.timeout(900)
IF_NAME, BASE_PORT, FORWARDING = ".1.3.6.1.2.1.31.1.1.1.1", ".1.3.6.1.2.1.17.1.4.1.2", ".1.3.6.1.2.1.17.4.3.1"
NAME = f"test-rack-{os.getpid()}"
HOLDER = """
import signal
import sys
from luna_lab.lab import Lab
from luna_lab.rack import Rack
with Lab(nodes=1, memory_mb=64, name=sys.argv[1]) as lab, Rack(lab) as rack:
    lab.machines[0].start()
    lab.events.wait("node001", "SeaBIOS", 300)
    print("up", flush=True)
    signal.pause()
"""


def bmc(rack: Rack, number: int, *command: str) -> str:
    """What ipmitool says; ipmi_sim doesn't tell its cipher suites, for which ipmitool would wait 10 s."""
    where = ("-I", "lanplus", "-C", "3", "-N", "30", "-H", str(rack.bmc_address(number)), "-U", "admin", "-E")
    command_line = rack.lab.namespace.command("ipmitool", *where, *command)
    return run(command_line, environment={"IPMI_PASSWORD": rack.password}).strip()


def power(rack: Rack, number: int) -> str:
    return bmc(rack, number, "power", "status").rpartition(" ")[2]


def walk(rack: Rack, table: str, community: str) -> dict[str, str]:
    """The rows of a table by what follows it in their names."""
    words = ("snmpwalk", "-v2c", "-t", "30", "-c", community, "-Onq", str(SWITCH), table)
    lines = run(rack.lab.namespace.command(*words)).splitlines()
    rows = (line.partition(" ") for line in lines)
    return {name.removeprefix(f"{table}."): value.strip('"') for name, _, value in rows}


def learned(rack: Rack) -> dict[str, str]:
    """The name of the port where each MAC is that the switch has learned."""
    names, indexes = walk(rack, IF_NAME, rack.community), walk(rack, BASE_PORT, rack.community)
    ports = walk(rack, f"{FORWARDING}.2", rack.community)
    statuses = walk(rack, f"{FORWARDING}.3", rack.community)
    return {
        ":".join(f"{int(number):02x}" for number in mac.split(".")): names[indexes[port]]
        for mac, port in ports.items()
        if statuses.get(mac) == "3"
    }


def test_a_bmc_switches_its_own_machine_and_no_other(rack: Rack) -> None:
    first, second = rack.lab.machines
    assert (power(rack, 1), power(rack, 2)) == ("off", "off")
    bmc(rack, 1, "power", "on")
    assert (first.running, second.running) == (True, False)
    assert (power(rack, 1), power(rack, 2)) == ("on", "off")
    bmc(rack, 1, "power", "off")
    assert not first.running
    assert power(rack, 1) == "off"


def test_reset_and_cycle_start_the_machine_anew(rack: Rack) -> None:
    node, events = rack.lab.machines[0], rack.lab.events
    bmc(rack, 1, "power", "on")
    start = events.wait(node.name, "the machine starts", SAID_WITHIN_S)
    for action in ("reset", "cycle"):
        bmc(rack, 1, "power", action)
        said = events.of(node.name)
        ended = next(event for event in said[said.index(start) :] if event.text == "the machine has ended")
        start = events.wait(node.name, "the machine starts", SAID_WITHIN_S, after=ended)
    assert power(rack, 1) == "on"


def test_the_boot_device_holds_for_one_start(rack: Rack) -> None:
    node, events = rack.lab.machines[0], rack.lab.events
    bmc(rack, 1, "chassis", "bootdev", "disk")
    bmc(rack, 1, "power", "on")
    disk = events.wait(node.name, "Booting from (Hard Disk|ROM)", SAID_WITHIN_S)
    assert "Hard Disk" in disk.text
    bmc(rack, 1, "power", "reset")
    ended = events.wait(node.name, "its BMC is told: reset", SAID_WITHIN_S, after=disk)
    start = next(event for event in events.of(node.name) if event.at_s > ended.at_s and "starts" in event.text)
    assert "ROM" in events.wait(node.name, "Booting from (Hard Disk|ROM)", SAID_WITHIN_S, after=start).text


def test_each_start_connects_the_machine_s_own_way_to_its_bmc(luna_lab: Callable[..., Lab]) -> None:
    """What a system makes of it is in decision 0020: the lab's usual kernel knows no BMCs."""
    with Rack(luna_lab(memory_mb=64, in_band=True)) as rack:
        (node,) = rack.lab.machines
        assert connections(rack) == set()
        bmc(rack, 1, "power", "on")
        first = connected(rack)
        bmc(rack, 1, "power", "reset")
        assert connected(rack, unlike=first)
        assert node.running
        bmc(rack, 1, "power", "off")
        assert not node.running


def connections(rack: Rack) -> set[str]:
    """The processes that speak with the first BMC as its own system does."""
    words = ("ss", "-Hntp", "state", "established", "dport", "=", ":9001")
    return set(re.findall(r"pid=\d+", run(rack.lab.namespace.command(*words))))


def connected(rack: Rack, unlike: Set[str] = frozenset()) -> set[str]:
    """Wait until a machine does; not counting those `unlike` which it has to be."""
    until_s = time.monotonic() + SAID_WITHIN_S
    while not (found := connections(rack) - unlike):
        assert time.monotonic() < until_s
    return found


def test_without_the_extra_redfish_bmcs_answer_ipmi_and_redfish_is_refused_by_name(
    luna_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sushy_tools", None)
    made = luna_lab(memory_mb=64)
    with pytest.raises(LunaError, match=r"extra 'redfish'.*plugins/lab\[redfish\]"):
        Rack(made, "redfish")
    with Rack(made) as rack:
        assert power(rack, 1) == "off"


def test_a_wrong_password_switches_nothing(rack: Rack) -> None:
    right, rack.password = rack.password, "wrong"
    with pytest.raises(CommandFailed):
        bmc(rack, 1, "power", "on")
    rack.password = right
    assert power(rack, 1) == "off"


def test_secrets_are_on_no_command_line_and_in_no_file_for_others(rack: Rack) -> None:
    lines = run(["ps", "-eo", "args"])
    assert f"{rack.lab.directory}/node001.bmc/lan.conf" in lines
    assert rack.password not in lines
    assert rack.community not in lines
    secret = {rack.password, rack.community}
    holders = [
        path
        for path in rack.lab.directory.rglob("*")
        if path.is_file() and any(s in path.read_text(errors="replace") for s in secret)
    ]
    assert {path.name for path in holders} >= {"lan.conf", "switch.conf"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_the_switch_has_each_machine_at_its_own_port_and_those_of_another_switch_at_the_uplink(rack: Rack) -> None:
    first, second = (machine.plan.mac for machine in rack.lab.machines)
    rack.lab.machines[1].start()
    beyond = {f"02:00:6c:75:62:{number:02x}" for number in range(1, 13)}
    until_s = time.monotonic() + SAID_WITHIN_S
    while not (found := learned(rack)).keys() >= {second, *beyond}:
        assert time.monotonic() < until_s, found
    assert found[second] == "tap2"
    assert first not in found
    assert {found[mac] for mac in beyond} == {"uplink"}


def test_the_switch_answers_only_to_its_community(rack: Rack) -> None:
    with pytest.raises(CommandFailed):
        run(
            rack.lab.namespace.command(
                "snmpget", "-v2c", "-r0", "-t1", "-c", "public", str(SWITCH), ".1.3.6.1.2.1.1.1.0"
            )
        )
    assert walk(rack, BASE_PORT, rack.community).keys() == {"1", "2", "3"}


def test_a_bmc_without_a_socket_is_named_and_nothing_is_left_running(
    luna_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ipmi_sim is when it doesn't understand its commands."""
    monkeypatch.setattr("luna_lab.bmc._EMULATION", "nonsense\n")
    monkeypatch.setattr("luna_lab.rack.READY_WITHIN_S", 3.0)
    lab = luna_lab()
    with pytest.raises(LunaError, match=r"Nothing listens on .*10\.148\.0\.1:623"), Rack(lab):
        pass
    assert run(["ip", "netns", "pids", lab.namespace.name]) == ""


def test_a_killed_holder_leaves_no_bmc_no_switch_and_no_machine() -> None:
    command = [sys.executable, "-c", HOLDER, NAME]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "up\n"
            pids = [int(pid) for pid in run(["ip", "netns", "pids", f"luna-lab-{NAME}"]).split()]
            names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
            assert names >= {"ipmi_sim", "snmpd", "qemu-system-x86"}
            handles = [os.pidfd_open(pid) for pid in pids]
            # Now, for whoever makes a lab afterwards sweeps this one away.
            held = state.find(NAME)
        finally:
            holder.send_signal(signal.SIGKILL)
        for handle in handles:
            assert select.select([handle], [], [], SAID_WITHIN_S)[0]
            os.close(handle)
    state.remove(held)
    assert NAME not in run(["ip", "netns", "list"])
