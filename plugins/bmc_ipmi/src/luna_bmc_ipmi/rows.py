"""pyghmi's events and readings as the rows that luna shows."""

from collections.abc import Mapping
from typing import Any

from pyghmi.constants import Health

_HEALTH = {Health.Failed: "failed", Health.Critical: "critical", Health.Warning: "warning"}


def event(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """An entry of the event log; what a vendor defined is shown as bytes."""
    words = [entry.get("event") or entry.get("component_type") or "", entry.get("event_data") or ""]
    if entry.get("deassertion"):
        words.append("deasserted")
    if "oemdata" in entry:
        words.append(f"OEM data {bytes(entry['oemdata']).hex(' ')}")
    return {
        "time": _time(entry),
        "sensor": entry.get("component") or entry.get("component_type") or "",
        "event": ", ".join(word for word in words if word),
        "severity": health(entry.get("severity", Health.Ok)),
    }


def sensor(reading: Any) -> Mapping[str, str]:
    """A sensor: its number, or its states in words where it has none."""
    value = ", ".join(reading.states) if reading.value is None else _number(reading.value)
    return {
        "name": reading.name,
        "value": value,
        "units": (reading.units or "").strip(),
        "health": "unavailable" if reading.unavailable else health(reading.health),
    }


def health(flags: int) -> str:
    """The worst of the flags in words."""
    return next((word for flag, word in _HEALTH.items() if flags & flag), "ok")


def _time(entry: Mapping[str, Any]) -> str:
    # Below 0x20000000 the BMC had no clock and counted from its start (IPMI 2.0, section 37).
    return str(entry.get("timestamp") or f"{entry['timecode']} s after its start" if "timecode" in entry else "")


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
