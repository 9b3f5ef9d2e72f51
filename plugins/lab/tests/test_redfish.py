"""The same BMCs by Redfish: luna's own driver switches QEMU through an emulator that nobody here wrote."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.run import run
from luna_lab.events import ENDED
from luna_lab.lab import Lab
from luna_lab.rack import Rack

SAID_WITHIN_S = 300.0
LUNA = Path(sys.executable).parent / "luna"
pytestmark = pytest.mark.timeout(900)
Luna = Callable[..., str]


@pytest.fixture(scope="module")
def rack() -> Iterator[Rack]:
    """Two machines that are too small to boot anything."""
    with Lab(nodes=2, memory_mb=64, disks_mb=[8]) as lab, Rack(lab, "redfish") as rack:
        yield rack


@pytest.fixture(scope="module")
def luna(rack: Rack, tmp_path_factory: pytest.TempPathFactory) -> Luna:
    """The luna command on a controller that knows the rack and has nothing to boot."""
    state = tmp_path_factory.mktemp("controller")

    def call(*words: str, stdin: str | None = None) -> str:
        environment = {"LUNA_STATE_DIRECTORY": str(state), "LUNA_STORE": ""}
        return run(rack.lab.namespace.command(LUNA, *words), environment=environment, stdin=stdin)

    call("cluster", "init", "--frontend-address", "10.141.255.254")
    call("settings", "set", "power.timeout_s", "60")
    call("group", "add", "compute")
    for words, stdin in rack.registration("compute"):
        call(*words, stdin=stdin)
    return call


@pytest.fixture(autouse=True)
def off(rack: Rack) -> Iterator[None]:
    """No machine runs when a test begins, whatever the one before did."""
    yield
    for machine in rack.lab.machines:
        machine.stop()


def states(luna: Luna) -> dict[str, str]:
    return {row["node"]: row["power"] for row in json.loads(luna("power", "status", "node[001-002]", "-o", "json"))}


def ask(rack: Rack, system: str, password: str) -> str:
    """The HTTP status of having the first BMC switch a machine on, as curl sees it."""
    bmc, certificate = f"https://{rack.bmc_address(1)}", rack.lab.directory / "redfish/certificate.pem"
    url = f"{bmc}/redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset"
    options = ("--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
    body = ("--header", "Content-Type: application/json", "--data", '{"ResetType": "On"}')
    words = ("curl", *options, *body, "--cacert", certificate, "--config", "-", url)
    return run(rack.lab.namespace.command(*words), stdin=f'user = "admin:{password}"')


def starts_from(rack: Rack, act: Callable[[], object]) -> str:
    """What the first machine says that it boots from, once `act` has made it start."""
    node, events = rack.lab.machines[0], rack.lab.events
    node.say("the test acts")
    before, ran = events.of(node.name)[-1], node.running
    act()
    if ran:
        before = events.wait(node.name, ENDED, SAID_WITHIN_S, after=before)
    start = events.wait(node.name, "the machine starts", SAID_WITHIN_S, after=before)
    return events.wait(node.name, "Booting from (Hard Disk|ROM)", SAID_WITHIN_S, after=start).text


def test_a_bmc_switches_its_own_machine_and_no_other(rack: Rack, luna: Luna) -> None:
    first, second = rack.lab.machines
    luna("power", "on", "node002")
    assert (first.running, second.running) == (False, True)
    assert states(luna) == {"node001": "off", "node002": "on"}
    luna("power", "soft", "node002")
    assert rack.lab.events.wait("node002", "its BMC is told: shutdown 1", SAID_WITHIN_S)
    luna("power", "off", "node002")
    assert not second.running


def test_the_boot_device_holds_for_one_start(rack: Rack, luna: Luna) -> None:
    luna("power", "bootdev", "disk", "node001")
    assert "Hard Disk" in starts_from(rack, lambda: luna("power", "on", "node001"))
    luna("power", "bootdev", "disk", "node001")
    luna("power", "bootdev", "network", "node001")
    assert "ROM" in starts_from(rack, lambda: luna("power", "cycle", "node001"))
    luna("power", "bootdev", "disk", "node001")
    assert "Hard Disk" in starts_from(rack, lambda: luna("power", "reset", "node001"))
    assert "ROM" in starts_from(rack, rack.lab.machines[0].reset)


def test_who_has_not_the_password_or_asks_for_another_machine_switches_nothing(rack: Rack) -> None:
    assert ask(rack, "node001", "wrong") == "401"
    assert ask(rack, "node002", rack.password) == "404"
    assert not any(machine.running for machine in rack.lab.machines)
    assert ask(rack, "node001", rack.password) == "204"
    assert rack.lab.machines[0].running


def test_the_key_is_nobody_else_s_and_status_says_what_nodes_are_powered_with(rack: Rack) -> None:
    assert (rack.lab.directory / "redfish/key.pem").stat().st_mode & 0o077 == 0
    assert rack.lab.directory.joinpath("redfish/certificate.pem").stat().st_mode & 0o004
    listed = json.loads(run([LUNA, "lab", "status", "-o", "json"]))
    assert [one["bmc"] for one in listed if one["name"] == rack.lab.name] == ["redfish"]
