"""Switching on and off, for BMCs that differ in what they can do."""

from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import BadInput, LunaError, Unsupported
from luna_core.types import PowerAction, PowerState

SYSTEM = "/redfish/v1/Systems/1"
RESET = "#ComputerSystem.Reset"
ALLOWED = "ResetType@Redfish.AllowableValues"
EVERY = ["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"]


def did(fake: Any, action: PowerAction) -> list[str]:
    RedfishDriver().act(fake.target(), action)
    return [body["ResetType"] for _, body in fake.asked("POST")]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("On", PowerState.ON),
        ("Off", PowerState.OFF),
        ("Paused", PowerState.ON),
        ("PoweringOff", PowerState.UNKNOWN),
        (None, PowerState.UNKNOWN),
    ],
)
def test_the_state(fake: Any, said: str | None, state: PowerState) -> None:
    fake.resources[SYSTEM]["PowerState"] = said
    assert RedfishDriver().state(fake.target()) is state


@pytest.mark.parametrize("allowed", [EVERY, None])
@pytest.mark.parametrize(
    ("state", "action", "told"),
    [
        ("Off", PowerAction.ON, ["On"]),
        ("On", PowerAction.ON, []),
        ("PoweringOff", PowerAction.ON, ["On"]),
        ("On", PowerAction.OFF, ["ForceOff"]),
        ("PoweringOff", PowerAction.OFF, ["ForceOff"]),
        ("Off", PowerAction.OFF, []),
        ("On", PowerAction.SOFT, ["GracefulShutdown"]),
        ("Off", PowerAction.SOFT, []),
        ("On", PowerAction.RESET, ["ForceRestart"]),
        ("On", PowerAction.CYCLE, ["PowerCycle"]),
        ("Off", PowerAction.CYCLE, ["On"]),
    ],
)
def test_what_the_bmc_is_told(
    fake: Any, state: str, action: PowerAction, told: list[str], allowed: list[str] | None
) -> None:
    fake.resources[SYSTEM]["PowerState"] = state
    fake.resources[SYSTEM]["Actions"][RESET][ALLOWED] = allowed
    assert did(fake, action) == told


def test_without_a_power_cycle_it_is_off_and_on_again(fake: Any) -> None:
    fake.resources[SYSTEM]["Actions"][RESET][ALLOWED] = ["On", "ForceOff"]
    assert did(fake, PowerAction.CYCLE) == ["ForceOff", "On"]


def test_a_machine_that_does_not_go_off_is_not_switched_on(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luna_bmc_redfish.requests.TIMEOUTS_OF_AN_OPERATION", 1.3)
    action = fake.resources[SYSTEM]["Actions"][RESET]
    action.update({ALLOWED: ["On", "ForceOff"], "target": f"{SYSTEM}/ignores"})
    with pytest.raises(LunaError, match="and it is still on"):
        did(fake, PowerAction.CYCLE)
    assert [body["ResetType"] for _, body in fake.asked("POST")] == ["ForceOff"]


def test_action_info_says_what_is_allowed(fake: Any) -> None:
    fake.resources[SYSTEM]["Actions"][RESET]["@Redfish.ActionInfo"] = f"{SYSTEM}/ResetActionInfo"
    parameter = {"Name": "ResetType", "AllowableValues": ["On", "ForceOff"]}
    fake.resources[f"{SYSTEM}/ResetActionInfo"] = {"Parameters": [{"Name": "Other"}, parameter]}
    with pytest.raises(Unsupported, match="has no GracefulShutdown; its system can do On, ForceOff"):
        did(fake, PowerAction.SOFT)
    assert did(fake, PowerAction.CYCLE) == ["ForceOff", "On"]


def test_a_machine_that_is_off_can_not_be_reset(fake: Any) -> None:
    fake.resources[SYSTEM]["PowerState"] = "Off"
    with pytest.raises(LunaError, match="has nothing to reset: the machine is off"):
        did(fake, PowerAction.RESET)


def test_a_system_that_nobody_can_switch(fake: Any) -> None:
    fake.resources[SYSTEM]["Actions"] = None
    with pytest.raises(Unsupported, match="can't switch its system on or off"):
        did(fake, PowerAction.OFF)


def test_one_of_several_systems_is_chosen_by_its_id(fake: Any) -> None:
    fake.resources["/redfish/v1/Systems"]["Members"].append({"@odata.id": "/redfish/v1/Systems/2/"})
    fake.resources["/redfish/v1/Systems/2/"] = {"PowerState": "Off"}
    assert RedfishDriver().state(fake.target(system="1")) is PowerState.ON
    assert RedfishDriver().state(fake.target(system="2")) is PowerState.OFF
    with pytest.raises(BadInput, match=r"options\.system: '' was given; accepted is 1 or 2"):
        RedfishDriver().state(fake.target())
