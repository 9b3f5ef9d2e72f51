"""A real agent: snmpd on a Linux bridge with machines on it, asked by the commands and by the poller."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import luna_core.testing
from luna_core.run import run
from luna_core.testing.switch import Switch
from luna_discovery_switchport.known import Known
from luna_discovery_switchport.snapshot import Folder

PORT = 1161
LUNA = Path(sys.executable).with_name("luna")
V3 = {
    "right": ("simu", "auctoritas", "privatus1"),
    "user": ("nobody", "auctoritas", "privatus1"),
    "auth": ("simu", "falsefalse", "privatus1"),
    "privacy": ("simu", "auctoritas", "falsefalse"),
}
AGENT = f"""
agentAddress udp:127.0.0.1:{PORT},udp:127.0.0.2:{PORT},udp:127.0.0.3:{PORT}
rocommunity right
createUser simu SHA-256 auctoritas AES privatus1
rouser simu priv
pass_persist .1.3.6.1.2.1.17 {sys.executable} {Path(luna_core.testing.__file__).with_name("bridge_mib.py")} switch
"""
NEW_MACHINE = "52:54:00:00:00:77"
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """A bridge with two machines that have talked, and its agent."""
    directory = tmp_path_factory.mktemp("snmpd")
    (directory / "snmpd.conf").write_text(AGENT)
    with Switch(3) as switch:
        inside = ["ip", "netns", "exec", bridge_namespace()]
        run(["ip", "-n", bridge_namespace(), "link", "set", "lo", "up"])
        command = [*inside, "snmpd", "-f", "-LE", "e", "-C", "-c", str(directory / "snmpd.conf")]
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(directory), "MIBS": ""}
        process = subprocess.Popen(command, env=environment)
        try:
            talk(switch, 1, 2)
            wait_for(lambda: f":{PORT:04X} " in run([*inside, "cat", "/proc/net/udp"]))
            yield switch
        finally:
            process.terminate()
            process.wait()


def bridge_namespace() -> str:
    return f"luna{os.getpid()}sw"


def talk(switch: Switch, *machines: int) -> None:
    """Let machines be heard by the bridge."""
    for machine in machines:
        say = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('{switch.address(0)}', 9))"
        run([*switch.inside(machine), sys.executable, "-c", say])
        wait_until_learned(f"{mac(switch, machine)} dev port{machine} master")


def wait_until_learned(entry: str) -> None:
    learned = ["ip", "netns", "exec", bridge_namespace(), "bridge", "fdb", "show", "br", "switch"]
    wait_for(lambda: entry in run(learned))


def mac(switch: Switch, machine: int) -> str:
    return run([*switch.inside(machine), "cat", "/sys/class/net/eth0/address"]).strip()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def luna(bridge: Switch, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command of luna beside the bridge, in a cluster with node001 and node002 at its ports 1 and 2."""

    def command(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LUNA_STATE_DIRECTORY": str(tmp_path)}
        line = ["ip", "netns", "exec", bridge_namespace(), str(LUNA), *words]
        return subprocess.run(line, input=stdin, env=environment, capture_output=True, text=True, check=False)

    command("cluster", "init", "--frontend-address", "10.77.0.1")
    command("group", "add", "compute")
    return command


Run = Callable[..., subprocess.CompletedProcess[str]]


def add_switch(
    luna: Run, tmp_path: Path, *options: str, name: str = "sw01", number: int = 1, community: str = "right"
) -> None:
    common = ("--address", f"127.0.0.{number}", "--snmp-port", str(PORT), "--timeout-s", "30")
    done = luna("switch", "add", name, *common, "--community", "@-", *options, stdin=community)
    assert done.returncode == 0, done.stderr


def v3(tmp_path: Path, kind: str) -> tuple[str, ...]:
    user, auth, privacy = V3[kind]
    (tmp_path / "auth").write_text(auth)
    (tmp_path / "privacy").write_text(privacy)
    passwords = (f"--auth-password=@{tmp_path}/auth", f"--privacy-password=@{tmp_path}/privacy")
    return ("--snmp-version=3", "--user", user, "--auth-protocol=SHA256", "--privacy-protocol=AES", *passwords)


@pytest.mark.parametrize("version", ["1", "2c", "3"])
def test_the_machines_are_at_the_bridge_s_ports(bridge: Switch, luna: Run, tmp_path: Path, version: str) -> None:
    talk(bridge, 1, 2)
    add_switch(luna, tmp_path, *(v3(tmp_path, "right") if version == "3" else ("--snmp-version", version)))
    luna("node", "add", "node001", "--group", "compute", "--switch", "sw01", "--ports", "port1")
    done = luna("switch", "macs", "--now", "-o", "json")
    rows = {row["mac"]: (row["port"], row["node"]) for row in json.loads(done.stdout)}
    assert rows[mac(bridge, 1)] == ("port1", "node001")
    assert rows[mac(bridge, 2)] == ("port2", None)
    own = run(["ip", "netns", "exec", bridge_namespace(), "cat", "/sys/class/net/port1/address"]).strip()
    assert own not in rows


@pytest.mark.parametrize(
    ("kind", "timeout_s", "sentence"),
    [
        # Only who is to hear nothing waits for long.
        ("community", 1, "no answer from 127.0.0.1 port 1161"),
        ("user", 30, "it knows no SNMP v3 user 'nobody'"),
        ("auth", 30, "the authentication password or protocol (SHA256) is wrong"),
        ("privacy", 1, "the privacy password is wrong"),
    ],
)
def test_each_wrong_secret_has_its_sentence(
    luna: Run, tmp_path: Path, kind: str, timeout_s: int, sentence: str
) -> None:
    options = v3(tmp_path, kind) if kind in V3 else ()
    add_switch(luna, tmp_path, "--timeout-s", str(timeout_s), *options, community="wrong")
    done = luna("switch", "test", "sw01", "-o", "json")
    assert done.returncode == 1
    assert sentence in json.loads(done.stdout)[-1]["found"]


def test_a_test_says_what_fits_and_what_doesn_t(bridge: Switch, luna: Run, tmp_path: Path) -> None:
    talk(bridge, 1, 2)
    add_switch(luna, tmp_path, "--uplink", "port0")
    luna("node", "add", "node[001-002]", "--group", "compute", "--switch", "sw01", "--ports", "1-2")
    luna("node", "add", "node003", "--group", "compute", "--switch", "sw01", "--ports", "Gi1/0/3")
    done = luna("switch", "test", "sw01", "-o", "json")
    found = {one["step"]: (one["status"], one["found"]) for one in json.loads(done.stdout)}
    assert found["uplink"] == ("ok", "port0: it is configured as an uplink.")
    assert found["node003"] == ("failed", "It has no port Gi1/0/3; its ports are called like port0.")
    assert found["node001"] == ("ok", "1 is port1, by its ifName.")
    assert done.returncode == 1
    ports = json.loads(luna("switch", "ports", "sw01", "--now", "-o", "json").stdout)
    assert {row["port"]: (row["nodes"], row["uplink"]) for row in ports}["port0"] == ([], True)


def test_the_poller_learns_while_another_switch_is_silent(bridge: Switch, luna: Run, tmp_path: Path) -> None:
    add_switch(luna, tmp_path)
    add_switch(luna, tmp_path, "--timeout-s", "60", name="sw02", number=2, community="silent-secret")
    luna("node", "add", "node003", "--group", "compute", "--switch", "sw01", "--ports", "port3")
    folder, known, wanted = Folder(tmp_path), Known(tmp_path), NEW_MACHINE
    command = ["ip", "netns", "exec", bridge_namespace(), sys.executable, "-m", "luna_discovery_switchport.poller"]
    environment = {**os.environ, "LUNA_STATE_DIRECTORY": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as poller:
        try:
            wait_for(lambda: folder.read("sw01"))
            assert folder.read("sw02") is None
            assert known.sightings([wanted]) == []
            entry = ["fdb", "add", wanted, "dev", "port3", "master", "dynamic"]
            run(["ip", "netns", "exec", bridge_namespace(), "bridge", *entry])
            # Each question tells the poller that somebody waits, as a machine's own questions do.
            wait_for(lambda: [one.node for one in known.sightings([wanted])] == ["node003"])
            assert b"silent-secret" not in Path(f"/proc/{poller.pid}/cmdline").read_bytes()
            assert not any(b"secret" in path.read_bytes() for path in folder.path.rglob("*.json"))
            luna("node", "rename", "node003", "node103")
            wait_for(lambda: [one.node for one in known.sightings([wanted])] == ["node103"])
        finally:
            poller.send_signal(signal.SIGTERM)
        assert poller.wait(WITHIN_S) == 0
