"""What a system boots from next (DSP0268, ComputerSystem.Boot)."""

from luna_bmc_redfish.resources import Resource, link_of, record, text, texts
from luna_bmc_redfish.sentences import Refused, problem, unsupported
from luna_bmc_redfish.service import Service
from luna_core.types import BootDevice

TARGET = "BootSourceOverrideTarget"
ENABLED = "BootSourceOverrideEnabled"
MODE = "BootSourceOverrideMode"
_ALLOWED = "@Redfish.AllowableValues"
_TARGETS = {
    BootDevice.NETWORK: "Pxe",
    BootDevice.DISK: "Hdd",
    BootDevice.SETUP: "BiosSetup",
    BootDevice.DEFAULT: "None",
}


def override(service: Service, system: Resource, device: BootDevice, *, persistent: bool, uefi: bool | None) -> None:
    """Have the system boot from `device`, and look whether the BMC kept that. Raises LunaError if it didn't."""
    boot = record(system, "Boot")
    allowed = texts(boot, TARGET + _ALLOWED)
    target = _TARGETS[device]
    if allowed and target not in allowed and device is not BootDevice.DEFAULT:
        raise unsupported(service.bmc, f"can't boot its system from {target}; it knows {', '.join(allowed)}")
    wanted = {TARGET: target, ENABLED: "Continuous" if persistent else "Once"}
    if device is BootDevice.DEFAULT:
        # "None" is the standard's, but who lists what may be written and leaves it out may refuse it.
        wanted = {ENABLED: "Disabled"} if allowed and target not in allowed else {TARGET: target, ENABLED: "Disabled"}
    _write(service, system, {**wanted, **_mode(service, boot, uefi=uefi)}, text(boot, MODE))


def _mode(service: Service, boot: Resource, *, uefi: bool | None) -> dict[str, str]:
    """The firmware to ask for: some BMCs fall back to Legacy unless they are told again what they say already."""
    current = text(boot, MODE)
    if not current or uefi is None:
        return {MODE: current} if current else {}
    mode = "UEFI" if uefi else "Legacy"
    allowed = texts(boot, MODE + _ALLOWED)
    if allowed and mode not in allowed:
        raise unsupported(service.bmc, f"can't boot its system by {mode}; it knows {', '.join(allowed)}")
    return {MODE: mode}


def _write(service: Service, system: Resource, wanted: dict[str, str], current_mode: str) -> None:
    link = text(system, "@odata.id")
    settings = link_of(system, "@Redfish.Settings", "SettingsObject")
    try:
        service.patch(link, {"Boot": wanted})
    except Refused as refused:
        if refused.status not in (400, 405):
            raise
        if settings:
            # Some take what holds for the next boot only there (DSP0266, settings resources).
            service.patch(settings, {"Boot": wanted})
            return
        if wanted.get(MODE, "") != current_mode or MODE not in wanted:
            raise
        # Others don't let the firmware be written, not even as it is.
        service.patch(link, {"Boot": {name: value for name, value in wanted.items() if name != MODE}})
    _check(service, record(service.get(link), "Boot"), wanted)


def _check(service: Service, boot: Resource, wanted: dict[str, str]) -> None:
    if wanted[ENABLED] == "Disabled":
        return
    lost = [name for name in (TARGET, MODE) if name in wanted and text(boot, name) not in (wanted[name], "")]
    # Whether once or always isn't compared: sushy-tools knows only always, and says so whatever it was told.
    lost += [ENABLED] if text(boot, ENABLED) == "Disabled" else []
    if lost:
        found = ", ".join(f"{name} is {text(boot, name)}, not {wanted[name]}" for name in lost)
        raise problem(service.bmc, f"accepted what to boot from, but did not keep it: {found}")
