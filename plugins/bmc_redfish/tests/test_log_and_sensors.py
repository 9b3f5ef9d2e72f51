"""The event log and the sensors, wherever a BMC has them."""

from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import BadInput, LunaError, Unsupported

SYSTEM = "/redfish/v1/Systems/1"
CHASSIS = "/redfish/v1/Chassis/1"
MANAGER = "/redfish/v1/Managers/1"


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def entry(number: int, created: str, **more: Any) -> dict[str, Any]:
    return {"Id": str(number), "Created": created, "Message": f"event {number}", "Severity": "OK", **more}


@pytest.fixture
def logging(fake: Any) -> Any:
    """A BMC whose SEL is the second log of its manager, three pages of it, newest first."""
    logs = f"{MANAGER}/LogServices"
    fake.resources[SYSTEM]["Links"]["ManagedBy"] = [link(MANAGER)]
    clear = {"#LogService.ClearLog": {"target": f"{logs}/Sel/Clear"}}
    fake.resources |= {
        MANAGER: {"LogServices": link(logs)},
        logs: {"Members": [link(f"{logs}/Audit"), link(f"{logs}/Sel")]},
        f"{logs}/Audit": {"Id": "Audit", "Entries": link(f"{logs}/Audit/Entries")},
        f"{logs}/Sel": {"Id": "Sel", "Entries": link(f"{logs}/Sel/Entries"), "Actions": clear},
        f"{logs}/Audit/Entries": {"Members": [entry(9, "2026-01-09T00:00:00Z")]},
        f"{logs}/Sel/Entries": {
            "Members": [entry(4, "2026-01-02T03:04:05+01:00", Severity="Critical", SensorType="Power Supply")],
            "Members@odata.nextLink": f"{logs}/Sel/Entries?$skip=1",
        },
        f"{logs}/Sel/Entries?$skip=1": {
            "Members": [entry(3, "2026-01-02T02:04:04Z"), link(f"{logs}/Sel/Entries/2")],
            "Members@odata.nextLink": f"{logs}/Sel/Entries?$skip=3",
        },
        f"{logs}/Sel/Entries/2": entry(2, "2026-01-02T02:04:04Z"),
        f"{logs}/Sel/Entries?$skip=3": {
            "Members": [{"Id": "9" * 5000, "Created": None, "MessageId": "Boot.1"}],
            "Members@odata.nextLink": f"{logs}/Sel/Entries?$skip=1",
        },
    }
    return fake


def test_the_sel_is_read_page_by_page_and_told_oldest_first(logging: Any) -> None:
    rows = RedfishDriver().event_log(logging.target())
    assert [row["event"] for row in rows] == ["Boot.1", "event 2", "event 3", "event 4"]
    assert rows[-1] == {
        "time": "2026-01-02T03:04:05+01:00",
        "sensor": "Power Supply",
        "event": "event 4",
        "severity": "critical",
    }


def test_another_log_can_be_chosen(logging: Any) -> None:
    assert [row["event"] for row in RedfishDriver().event_log(logging.target(log="Audit"))] == ["event 9"]
    with pytest.raises(BadInput, match=r"options\.log: 'None' was given; accepted is Audit or Sel"):
        RedfishDriver().event_log(logging.target(log="None"))


def test_without_a_sel_the_first_log_is_taken(logging: Any) -> None:
    logging.resources[f"{MANAGER}/LogServices"]["Members"].pop()
    assert [row["event"] for row in RedfishDriver().event_log(logging.target())] == ["event 9"]


def test_it_is_cleared(logging: Any) -> None:
    RedfishDriver().clear_event_log(logging.target())
    assert logging.asked("POST") == [(f"{MANAGER}/LogServices/Sel/Clear", {})]
    with pytest.raises(Unsupported, match="has an event log that can't be cleared"):
        RedfishDriver().clear_event_log(logging.target(log="Audit"))


def test_a_log_without_an_end_is_given_up(logging: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            if "Entries" not in path:
                return super().get(path, default)
            return {"Members": [], "Members@odata.nextLink": f"{MANAGER}/Entries?{len(logging.seen)}"}

    monkeypatch.setattr("luna_bmc_redfish.requests.TIMEOUTS_OF_AN_OPERATION", 0.3)
    logging.resources = Endless(logging.resources)
    with pytest.raises(LunaError, match="answers so slowly that this was not done after 3 s"):
        RedfishDriver().event_log(logging.target())


def values(fake: Any) -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in RedfishDriver().sensors(fake.target())]


@pytest.mark.parametrize("expand", [True, False])
def test_sensors_of_today(fake: Any, expand: bool) -> None:
    hot = {"Name": "CPU", "Reading": 93.5, "ReadingUnits": "Cel", "Status": {"Health": "Critical"}}
    fan = {"Name": "Fan", "Reading": None, "ReadingUnits": "{rev}/min", "Status": {"Health": None}}
    absent = {"Name": "PS2", "Reading": 0, "Status": {"State": "Absent"}}
    sensors = f"{CHASSIS}/Sensors"
    fake.resources["/redfish/v1/"]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": expand}}
    fake.resources[CHASSIS] |= {"Sensors": link(sensors), "Thermal": link(f"{CHASSIS}/Thermal")}
    fake.resources[f"{sensors}?$expand=."] = {"Members": [hot, fan, absent]}
    fake.resources[sensors] = {"Members": [link(f"{sensors}/{number}") for number in range(3)]}
    fake.resources |= {f"{sensors}/{number}": one for number, one in enumerate((hot, fan, absent))}
    assert values(fake) == [("CPU", "93.5", "°C", "critical"), ("Fan", "", "RPM", "")]
    assert len(fake.asked("GET")) == (5 if expand else 8)


def test_an_expansion_that_is_refused_is_done_without(fake: Any) -> None:
    fake.resources["/redfish/v1/"]["ProtocolFeaturesSupported"] = {"ExpandQuery": {"NoLinks": True}}
    fake.resources[CHASSIS]["Sensors"] = link(f"{CHASSIS}/Sensors")
    fake.resources[f"{CHASSIS}/Sensors"] = {"Members": [{"Name": "CPU", "Reading": 1, "ReadingUnits": "W"}]}
    assert values(fake) == [("CPU", "1", "W", "")]


def test_sensors_of_before_2020(fake: Any) -> None:
    fake.resources[CHASSIS] |= {"Thermal": link(f"{CHASSIS}/Thermal"), "Power": link(f"{CHASSIS}/Power")}
    fake.resources[f"{CHASSIS}/Thermal"] = {
        "Temperatures": [{"Name": "Inlet", "ReadingCelsius": 21, "Status": {"State": "Enabled", "Health": "OK"}}],
        "Fans": [{"FanName": "Fan 1", "Reading": 40, "ReadingUnits": "Percent"}, "nonsense"],
    }
    fake.resources[f"{CHASSIS}/Power"] = {
        "Voltages": [{"Name": "12V", "ReadingVolts": 12.1}],
        "PowerControl": [{"Name": "System", "PowerConsumedWatts": 344}],
        "PowerSupplies": None,
    }
    assert values(fake) == [
        ("Inlet", "21", "°C", "ok"),
        ("Fan 1", "40", "%", ""),
        ("12V", "12.1", "V", ""),
        ("System", "344", "W", ""),
    ]


def test_the_thermal_subsystem_where_there_are_no_sensors(fake: Any) -> None:
    thermal = f"{CHASSIS}/ThermalSubsystem"
    fake.resources[CHASSIS]["ThermalSubsystem"] = link(thermal)
    fake.resources |= {
        thermal: {"ThermalMetrics": link(f"{thermal}/Metrics"), "Fans": link(f"{thermal}/Fans")},
        f"{thermal}/Metrics": {"TemperatureReadingsCelsius": [{"DeviceName": "CPU1", "Reading": 44}]},
        f"{thermal}/Fans": {
            "Members": [
                {"Name": "Fan 1", "SpeedPercent": {"Reading": 45, "SpeedRPM": 2200}, "Status": {"Health": "OK"}},
                {"Name": "Fan 2", "SpeedPercent": {"Reading": 46}},
            ]
        },
    }
    assert values(fake) == [("CPU1", "44", "°C", ""), ("Fan 1", "2200", "RPM", "ok"), ("Fan 2", "46", "%", "")]


def test_no_sensors(fake: Any) -> None:
    with pytest.raises(Unsupported, match="has no sensors"):
        values(fake)
