"""The driver `redfish`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

from luna_bmc_redfish import boot, log, sensors, system
from luna_bmc_redfish.indicator import light
from luna_bmc_redfish.resources import Resource
from luna_bmc_redfish.service import Service
from luna_core.errors import Unsupported
from luna_core.interfaces import PowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState


class RedfishDriver(PowerDriver):
    """Redfish over HTTPS. It keeps nothing between operations, so any number may run in threads."""

    def state(self, bmc: BmcTarget) -> PowerState:
        """Ask whether the system is on."""
        with _logged_in(bmc) as (_, found):
            return system.power_state(found)

    def act(self, bmc: BmcTarget, action: PowerAction) -> None:
        """Reset the system; `cycle` waits for off where the BMC has no power cycle."""
        with _logged_in(bmc) as (service, found):
            system.act(service, found, action)

    def set_boot_device(self, bmc: BmcTarget, device: BootDevice, *, persistent: bool, uefi: bool | None) -> None:
        """Override the boot source and look whether the BMC kept that."""
        with _logged_in(bmc) as (service, found):
            boot.override(service, found, device, persistent=persistent, uefi=uefi)

    def identify(self, bmc: BmcTarget, seconds: int) -> None:
        """Light the LED until it is turned off: Redfish knows no duration."""
        with _logged_in(bmc) as (service, found):
            light(service, found, on=seconds > 0)

    def event_log(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """The system event log, oldest first."""
        with _logged_in(bmc) as (service, found):
            return log.event_log(service, found)

    def clear_event_log(self, bmc: BmcTarget) -> None:
        """Empty the system event log."""
        with _logged_in(bmc) as (service, found):
            log.clear_event_log(service, found)

    def sensors(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """The readings of all sensors in the system's chassis."""
        with _logged_in(bmc) as (service, found):
            return sensors.sensors(service, found)

    def console_command(self, bmc: BmcTarget) -> NoReturn:
        """Raise Unsupported."""
        raise Unsupported(f"Redfish has no serial console; that of {bmc.node} may be had by IPMI or ssh to its BMC.")


@contextmanager
def _logged_in(bmc: BmcTarget) -> Iterator[tuple[Service, Resource]]:
    with Service(bmc) as service:
        yield service, system.find_system(service)
