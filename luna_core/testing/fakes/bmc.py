"""BMCs that exist only in this process."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from luna_core.errors import LunaError
from luna_core.interfaces import PowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState


@dataclass
class Chassis:
    """A machine as its BMC sees it."""

    power: PowerState = PowerState.OFF
    boot_device: BootDevice = BootDevice.DEFAULT
    is_uefi: bool = False
    identify_s: int = 0
    events: list[Mapping[str, str]] = field(default_factory=list)


class FakePowerDriver(PowerDriver):
    """A power driver whose machines live in memory, one for each BMC address, and are off at first.

    The target's option `fault` makes a BMC fail: `dead` (no answer until `timeout_s` has passed) or `refuse` (it does
    not accept the password); `delay_s` is how long it takes to answer. The secret option `token` must be `right`.
    """

    secret_options: ClassVar[Sequence[str]] = ("token",)
    machines: ClassVar[dict[str, Chassis]] = {}

    def state(self, bmc: BmcTarget) -> PowerState:
        """What was last done to the machine."""
        return self._reach(bmc).power

    def act(self, bmc: BmcTarget, action: PowerAction) -> None:
        """Change the machine's power at once. A machine that is off stays off when it is reset or cycled."""
        chassis = self._reach(bmc)
        if action in (PowerAction.ON, PowerAction.OFF, PowerAction.SOFT):
            chassis.power = PowerState.ON if action is PowerAction.ON else PowerState.OFF
        event = {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "sensor": "chassis", "event": action.value}
        chassis.events.append({**event, "severity": "ok"})

    def set_boot_device(self, bmc: BmcTarget, device: BootDevice, *, persistent: bool, uefi: bool | None) -> None:
        """Remember the device, and the firmware's mode if one is said."""
        chassis = self._reach(bmc)
        chassis.boot_device = device
        chassis.is_uefi = chassis.is_uefi if uefi is None else uefi

    def identify(self, bmc: BmcTarget, seconds: int) -> None:
        """Remember for how long."""
        self._reach(bmc).identify_s = seconds

    def event_log(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """The actions so far."""
        return tuple(self._reach(bmc).events)

    def clear_event_log(self, bmc: BmcTarget) -> None:
        """Forget the actions."""
        self._reach(bmc).events.clear()

    def sensors(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """One temperature."""
        value = "45" if self._reach(bmc).power is PowerState.ON else "20"
        return [{"name": "CPU1", "value": value, "units": "°C", "health": "ok"}]

    def _reach(self, bmc: BmcTarget) -> Chassis:
        fault = bmc.options.get("fault", "")
        delay_s = float(bmc.options.get("delay_s", bmc.timeout_s if fault == "dead" else 0))
        time.sleep(min(delay_s, bmc.timeout_s))
        if fault == "dead" or delay_s > bmc.timeout_s:
            raise LunaError(f"The BMC of {bmc.node} at {bmc.address} did not answer within {bmc.timeout_s:g} s.")
        if bmc.options.get("token", "right") != "right":
            raise LunaError(f"The BMC of {bmc.node} at {bmc.address} does not accept the token.")
        if fault == "refuse":
            raise LunaError(f"The BMC of {bmc.node} at {bmc.address} does not accept user {bmc.username!r}.")
        return self.machines.setdefault(f"{bmc.address}:{bmc.port}", Chassis())
