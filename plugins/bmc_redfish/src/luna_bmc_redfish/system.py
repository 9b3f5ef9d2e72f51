"""The machine behind a BMC, and switching it on and off (DSP0268, ComputerSystem)."""

import time

from luna_bmc_redfish.options import bad_option
from luna_bmc_redfish.resources import Resource, link_of, record, records, text, texts
from luna_bmc_redfish.sentences import problem, unsupported
from luna_bmc_redfish.service import ROOT, Service
from luna_core.types import PowerAction, PowerState

RESET = "#ComputerSystem.Reset"
_POLL_S = 0.5
# PoweringOn and PoweringOff are left out: whoever waits for a state must not take them for it.
_STATES = {"On": PowerState.ON, "Paused": PowerState.ON, "Off": PowerState.OFF}
_RESET_TYPES = {
    PowerAction.ON: "On",
    PowerAction.OFF: "ForceOff",
    PowerAction.SOFT: "GracefulShutdown",
    PowerAction.RESET: "ForceRestart",
    PowerAction.CYCLE: "PowerCycle",
}
# BMCs refuse what changes nothing, where luna's actions may be repeated.
_NOTHING_TO_DO = {
    PowerAction.ON: ("On", "PoweringOn"),
    PowerAction.OFF: ("Off",),
    PowerAction.SOFT: ("Off", "PoweringOff"),
}


def find_system(service: Service) -> Resource:
    """The system that the option `system` names, or the only one. Raises BadInput that lists them if that isn't one."""
    collection = link_of(service.root, "Systems") or f"{ROOT}Systems"
    links = [link_of(one) for one in records(service.get(collection), "Members")]
    wanted = service.options.system
    found = [link for link in links if _id(link) == wanted] if wanted else links
    if len(found) == 1:
        return {"@odata.id": found[0], **service.get(found[0])}
    if not links:
        raise problem(service.bmc, "knows of no system")
    names = " or ".join(_id(link) for link in links)
    raise bad_option(service.bmc, "system", wanted, names)


def power_state(system: Resource) -> PowerState:
    """Whether the system is on; one that is between on and off is neither."""
    return _STATES.get(text(system, "PowerState"), PowerState.UNKNOWN)


def act(service: Service, system: Resource, action: PowerAction) -> None:
    """Switch the system on or off, or reset it; a state that it is in already is left alone."""
    state = text(system, "PowerState")
    if state in _NOTHING_TO_DO.get(action, ()):
        return
    if state == "Off" and action is PowerAction.RESET:
        raise problem(service.bmc, "has nothing to reset: the machine is off")
    if action is not PowerAction.CYCLE:
        _reset(service, system, _RESET_TYPES[action])
    elif state == "Off":
        _reset(service, system, "On")
    # A BMC need not say what it allows (DSP0266); then what the standard has for this is tried.
    elif "PowerCycle" in (_allowed(service, system) or ["PowerCycle"]):
        _reset(service, system, "PowerCycle")
    else:
        _reset(service, system, "ForceOff")
        _wait_until_off(service, system)
        _reset(service, system, "On")


def _id(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def _reset(service: Service, system: Resource, reset_type: str) -> None:
    allowed = _allowed(service, system)
    if allowed and reset_type not in allowed:
        raise unsupported(service.bmc, f"has no {reset_type}; its system can do {', '.join(allowed)}")
    target = text(record(system, "Actions", RESET), "target")
    if not target:
        raise unsupported(service.bmc, "can't switch its system on or off")
    service.post(target, {"ResetType": reset_type})


def _allowed(service: Service, system: Resource) -> list[str]:
    """The reset types that the BMC says it allows; empty if it doesn't say."""
    action = record(system, "Actions", RESET)
    if said := texts(action, "ResetType@Redfish.AllowableValues"):
        return said
    link = text(action, "@Redfish.ActionInfo")
    parameters = records(service.get(link), "Parameters") if link else []
    return next((texts(one, "AllowableValues") for one in parameters if text(one, "Name") == "ResetType"), [])


def _wait_until_off(service: Service, system: Resource) -> None:
    while text(service.get(text(system, "@odata.id")), "PowerState") != "Off":
        # Time for switching it on again is kept back.
        if service.left_s() < service.bmc.timeout_s + _POLL_S:
            raise problem(service.bmc, "was told to switch the machine off, and it is still on; it stays that way")
        time.sleep(_POLL_S)
