"""The whole of `luna serve` as a process, in the network namespace of a controller."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luna_core.cli.main import run

Luna = Callable[..., str]


@pytest.fixture
def luna(directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Luna:
    (directory / "luna.toml").touch()
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(directory))
    monkeypatch.setenv("LUNA_CONFIG", str(directory / "luna.toml"))

    def luna(*words: str, status: int = 0) -> str:
        capfd.readouterr()
        done = run(words)
        said = capfd.readouterr()
        assert done == status, said.err
        return said.out or said.err

    luna("cluster", "init", "--frontend-address", "10.141.255.254")
    luna("network", "add", "cluster", "--network", "10.141.0.0/16", "--dhcp", "10.141.128.1-10.141.140.255")
    luna("osimage", "add", "compute", "--path", str(directory), "--distro", "fake")
    luna("group", "add", "compute", "--osimage", "compute")
    luna("group", "interface", "add", "compute", "BOOTIF", "--network", "cluster")
    luna("settings", "set", "tftp.directory", str(directory / "tftp"))
    luna("settings", "set", "dhcp.interfaces", "wire")
    luna("settings", "set", "dns.dnssec_validation", "no")
    return luna


@pytest.fixture
def serving(luna: Luna, directory: Path, wire: Any) -> Iterator["subprocess.Popen[str]"]:
    """A `luna serve` that said that it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (directory / "log").open("w+") as log:
        manager.bind(str(directory / "notify"))
        manager.settimeout(60)
        program = "from luna_core.cli.main import main; main()"
        command = ["ip", "netns", "exec", wire.server, sys.executable, "-c", program, "serve"]
        told = {**os.environ, "NOTIFY_SOCKET": str(directory / "notify")}
        with subprocess.Popen(command, env=told, stderr=log, text=True) as process:
            try:
                assert manager.recv(100) == b"READY=1"
                yield process
            finally:
                process.terminate()
                process.wait(60)
                print((directory / "log").read_text())


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.1)


def services(luna: Luna) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(luna("serve", "--status", "-o", "json"))}


def lookup(wire: Any, name: str) -> str:
    command = ["ip", "netns", "exec", wire.client, "dig", "@10.141.255.254", "+time=1", "+tries=1", "+short", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_a_new_node_is_served_without_anybody_s_command(
    serving: "subprocess.Popen[str]", luna: Luna, directory: Path, wire: Any
) -> None:
    wire.give_client("10.141.0.77/16")
    until(lambda: services(luna)["dns"]["state"] == services(luna)["dhcp"]["state"] == "running")
    before = services(luna)
    luna("node", "add", "node001", "--group", "compute", "--mac", "52:54:00:00:00:01")
    until(lambda: lookup(wire, "node001.cluster") == "10.141.0.1")

    script = directory / "script"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "$ip $hostname"\nexit 0\n')
    script.chmod(0o755)
    lease = ("udhcpc", "-fqn", "-i", "wire", "-t", "40", "-T", "1", "-s", str(script))
    # The DHCP server may read of the node a moment after the DNS server.
    until(lambda: "10.141.0.1 node001" in wire.ask(*lease))
    after = services(luna)
    assert {name: after[name]["pid"] for name in before} == {name: before[name]["pid"] for name in before}
    assert luna("services", "update") == "Nothing to change.\n"
    luna("settings", "set", "dhcp.server", "no-such-thing")
    assert "no-such-thing" in luna("services", "show", "dhcp", status=2)
    assert "10.141.0.1 node001.cluster node001\n" in luna("services", "show", "hosts"), "which no server has a part in"


def test_another_server_takes_over_when_the_settings_say_so(
    serving: "subprocess.Popen[str]", luna: Luna, directory: Path
) -> None:
    luna("settings", "set", "dhcp.server", "kea")
    until(lambda: services(luna).keys() >= {"dhcp4", "dns", "tftp"} and "dhcp" not in services(luna))
    until(lambda: services(luna)["dhcp4"]["state"] == "running")
    luna("settings", "set", "dhcp.server", "no-such-thing")
    until(lambda: "no-such-thing" in str(json.loads((directory / "serve.json").read_text())["problems"]))
    assert services(luna)["dhcp4"]["state"] == "running", "a mistake must not stop what runs"
    luna("settings", "set", "dhcp.server", "none")
    until(lambda: "dhcp4" not in services(luna))


def test_it_runs_once_and_ends_whole(serving: "subprocess.Popen[str]", luna: Luna) -> None:
    assert "runs already" in luna("serve", status=1)
    until(lambda: services(luna)["dns"]["pid"])
    pids = [one["pid"] for one in services(luna).values() if one["pid"]]
    serving.terminate()
    assert serving.wait(60) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "does not run" in luna("serve", "--status", status=1)


def test_the_files_can_be_seen_without_being_written(luna: Luna, directory: Path) -> None:
    luna("node", "add", "node001", "--group", "compute", "--mac", "52:54:00:00:00:01")
    assert "+52:54:00:00:00:01,10.141.0.1,node001" in luna("services", "update", "--dry-run")
    assert not (directory / "services").exists()
    assert "52:54:00:00:00:01,10.141.0.1,node001" in luna("services", "show", "dhcp")
    assert "node001.cluster. A 10.141.0.1" in luna("services", "show", "dns")
    assert "10.141.0.1 node001.cluster node001\n" in luna("services", "show", "hosts")
    assert "+node001.cluster. A 10.141.0.1" in luna("services", "update")
    assert luna("services", "update") == "Nothing to change.\n"
