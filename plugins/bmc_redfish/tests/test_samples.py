"""The resources that DMTF publishes as examples, in the collection that sushy comes with."""

import json
from importlib import resources
from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.types import BootDevice, PowerAction, PowerState

SYSTEM = "/redfish/v1/Systems/437XR1138R2"
SAMPLES = resources.files("sushy.tests.unit") / "json_samples"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


@pytest.fixture(params=["system", "systemv1_20"])
def published(fake: Any, request: pytest.FixtureRequest) -> Any:
    """The service of these examples: the system's chassis, which isn't among them, is the blade's."""
    names = ("root", "system_collection", request.param, "manager", "thermal", "power")
    fake.resources = {one["@odata.id"]: one for one in map(sample, names)}
    power = {"@odata.id": "/redfish/v1/Chassis/MultiBladeEncl/Power"}
    fake.resources["/redfish/v1/Chassis/1U"] = {**sample("chassis"), "Power": power}
    return fake


def test_state_and_actions(published: Any) -> None:
    assert RedfishDriver().state(published.target()) is PowerState.ON
    RedfishDriver().act(published.target(), PowerAction.SOFT)
    assert published.asked("POST")[-1] == (f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "GracefulShutdown"})


def test_boot_device_and_led(published: Any) -> None:
    RedfishDriver().set_boot_device(published.target(), BootDevice.DISK, persistent=True, uefi=True)
    assert published.resources[SYSTEM]["Boot"]["BootSourceOverrideTarget"] == "Hdd"
    RedfishDriver().identify(published.target(), 1)
    assert published.asked("PATCH")[-1][0] == SYSTEM


def test_sensors(published: Any) -> None:
    rows = [tuple(row.values()) for row in RedfishDriver().sensors(published.target())]
    assert ("CPU Temp", "62", "°C", "ok") in rows
    assert ("CPU Fan", "6000", "RPM", "ok") in rows
    assert ("Power Supply 1", "635", "W", "ok") in rows
