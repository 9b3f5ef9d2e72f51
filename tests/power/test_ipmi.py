"""`luna power` from the command line to true IPMI 2.0 BMCs, as another process that finds its driver by itself."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.testing.command_line import Outcome

Luna = Callable[..., Outcome]


@pytest.fixture
def bmcs(cluster: Luna, tmp_path: Path) -> Iterator[dict[str, SimulatedBmc]]:
    """BMCs of node001 and node002; that of node003 is silent."""
    found = {}
    port = 0
    for number in (1, 2):
        bmc = SimulatedBmc(tmp_path / f"bmc{number}", address=f"127.148.0.{number}", port=port)
        bmc.start()
        port, found[f"node00{number}"] = bmc.port, bmc
    for line, secret in (
        (f"bmcsetup change default --driver ipmi --options port={port} --password @-", "secret"),
        ("network add loopback --network 127.148.0.0/16", ""),
        ("group interface change compute BMC --network loopback", ""),
        ("settings set power.timeout_s 8", ""),
    ):
        done = cluster(line, secret)
        assert done.status == 0, f"{line}: {done.err}"
    yield found
    for bmc in found.values():
        bmc.stop()


def luna(*words: str) -> Outcome:
    environment = {**os.environ, "LUNA_NO_PLUGINS": "0"}
    command = [str(Path(sys.executable).with_name("luna")), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_machines_are_switched_asked_and_told_what_to_boot(bmcs: dict[str, SimulatedBmc]) -> None:
    done = luna("power", "on", "node[001-002]", "--wait")
    assert (done.status, done.out.splitlines()[-1]) == (0, "node[001-002]: on"), done.err
    assert all("set power 1" in "\n".join(bmc.calls()) for bmc in bmcs.values())
    assert luna("power", "bootdev", "network", "node001").status == 0
    assert "set boot pxe" in "\n".join(bmcs["node001"].calls())
    shown = luna("power", "status", "node[001-003]")
    assert shown.status == 1
    assert shown.out.splitlines()[-2:] == ["node[001-002]: on", "node003: failed"]
    (told,) = shown.err.splitlines()
    assert told.startswith("node003: ")


def test_a_wrong_password_is_said_in_words_and_the_password_is_not(
    cluster: Luna, bmcs: dict[str, SimulatedBmc]
) -> None:
    cluster("bmcsetup change default --password @-", "another-one")
    done = luna("power", "status", "node001")
    assert (done.status, done.out) == (1, "")
    assert "password" in done.err
    assert "another-one" not in done.err


@pytest.mark.parametrize("question", ["sensors", "sel list"])
def test_sensors_and_events_are_shown(bmcs: dict[str, SimulatedBmc], question: str) -> None:
    done = luna("power", *question.split(), "node001")
    assert done.status == 0, done.err
    assert all(line.startswith("node001: ") for line in done.out.splitlines())
    assert done.out
