"""The LED that shows which machine it is (DSP0268)."""

from luna_bmc_redfish.resources import Resource, link_of, records, text, texts
from luna_bmc_redfish.sentences import unsupported
from luna_bmc_redfish.service import Service

ACTIVE = "LocationIndicatorActive"
LED = "IndicatorLED"


def light(service: Service, system: Resource, *, on: bool) -> None:
    """Turn the LED of the system on or off, or that of its chassis if it has none."""
    if change := _change(system, on=on):
        service.patch(text(system, "@odata.id"), change)
        return
    for link in (link_of(one) for one in records(system, "Links", "Chassis")):
        if change := _change(service.get(link), on=on):
            service.patch(link, change)
            return
    raise unsupported(service.bmc, "has no LED to identify its system by")


def _change(resource: Resource, *, on: bool) -> Resource:
    """What to write; the older LED only where there isn't the one that replaced it."""
    if ACTIVE in resource:
        return {ACTIVE: on}
    if LED not in resource:
        return {}
    # Blinking is what people look for; BMCs that can't are told to light it.
    allowed = texts(resource, f"{LED}@Redfish.AllowableValues") or ["Blinking"]
    return {LED: ("Blinking" if "Blinking" in allowed else "Lit") if on else "Off"}
