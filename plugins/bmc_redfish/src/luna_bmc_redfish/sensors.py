"""Sensor readings, from the resources of today (Sensors, ThermalSubsystem) or of before 2020 (Thermal, Power)."""

from collections.abc import Iterator, Mapping, Sequence

from luna_bmc_redfish.resources import Resource, link_of, record, records, text
from luna_bmc_redfish.sentences import unsupported
from luna_bmc_redfish.service import Service

Row = Mapping[str, str]
# UCUM codes, and words of Redfish, that people write otherwise.
_UNITS = {"Cel": "°C", "{rev}/min": "RPM", "Percent": "%"}
_THERMAL = (("Temperatures", "ReadingCelsius", "°C"), ("Fans", "Reading", ""))
_POWER = (
    ("Voltages", "ReadingVolts", "V"),
    ("PowerControl", "PowerConsumedWatts", "W"),
    ("PowerSupplies", "LastPowerOutputWatts", "W"),
)


def sensors(service: Service, system: Resource) -> Sequence[Row]:
    """The readings of every sensor in the chassis that the system is in."""
    chassis = [service.get(link_of(one)) for one in records(system, "Links", "Chassis")]
    known = ("Sensors", "Thermal", "Power", "ThermalSubsystem")
    if not any(link_of(one, name) for one in chassis for name in known):
        raise unsupported(service.bmc, "has no sensors")
    return [row for one in chassis for row in _of_chassis(service, one)]


def _of_chassis(service: Service, chassis: Resource) -> Iterator[Row]:
    # What is here is all that the chassis has; the other resources repeat it.
    if link := link_of(chassis, "Sensors"):
        for one in service.members(link):
            yield from _row(one, "Reading", text(one, "ReadingUnits"))
        return
    for name, lists in (("Thermal", _THERMAL), ("Power", _POWER)):
        if link := link_of(chassis, name):
            yield from _old(service.get(link), lists)
    if (link := link_of(chassis, "ThermalSubsystem")) and not link_of(chassis, "Thermal"):
        yield from _thermal_subsystem(service, service.get(link))


def _old(resource: Resource, lists: Sequence[tuple[str, str, str]]) -> Iterator[Row]:
    for name, reading, units in lists:
        for one in records(resource, name):
            yield from _row(one, reading, units or text(one, "ReadingUnits"))


def _thermal_subsystem(service: Service, thermal: Resource) -> Iterator[Row]:
    if link := link_of(thermal, "ThermalMetrics"):
        for one in records(service.get(link), "TemperatureReadingsCelsius"):
            yield from _row(one, "Reading", "Cel")
    if link := link_of(thermal, "Fans"):
        for one in service.members(link):
            speed = record(one, "SpeedPercent")
            in_rpm = "SpeedRPM" in speed
            yield from _row({**one, **speed}, "SpeedRPM" if in_rpm else "Reading", "RPM" if in_rpm else "%")


def _row(sensor: Resource, reading: str, units: str) -> Iterator[Row]:
    status = record(sensor, "Status")
    if text(status, "State") != "Absent":
        yield {
            "name": text(sensor, "Name") or text(sensor, "FanName") or text(sensor, "DeviceName"),
            "value": text(sensor, reading),
            "units": _UNITS.get(units, units),
            "health": text(status, "Health").lower(),
        }
