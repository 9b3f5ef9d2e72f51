"""The driver `ipmi`."""

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pyghmi.exceptions import IpmiException

from luna_bmc_ipmi import rows
from luna_bmc_ipmi.connection import Connection, connected
from luna_bmc_ipmi.handover import hand_over
from luna_bmc_ipmi.sentences import NOT_NOW
from luna_core.errors import BadInput
from luna_core.interfaces import PowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState

# Network functions and commands of IPMI 2.0, tables G-1; chassis control's bytes are in its section 28.3.
CHASSIS, STORAGE = 0x00, 0x0A
GET_CHASSIS_STATUS, CHASSIS_CONTROL, CHASSIS_IDENTIFY, GET_BOOT_OPTIONS = 0x01, 0x02, 0x04, 0x09
RESERVE_SEL, CLEAR_SEL = 0x42, 0x47
CONTROL = {
    PowerAction.OFF: 0,
    PowerAction.ON: 1,
    PowerAction.CYCLE: 2,
    PowerAction.RESET: 3,
    PowerAction.SOFT: 5,
}
DEVICES = {
    BootDevice.NETWORK: "network",
    BootDevice.DISK: "hd",
    BootDevice.SETUP: "setup",
    BootDevice.DEFAULT: "default",
}
BOOT_FLAGS, EFI = 5, 0x20
MAX_IDENTIFY_S = 255


class IpmiDriver(PowerDriver):
    """IPMI 2.0 over LAN (RMCP+) with pyghmi, which bears one thread in a process, and one BMC at a time in it."""

    parallel: ClassVar[Literal["threads", "processes"]] = "processes"
    secret_options: ClassVar[Sequence[str]] = ("kg",)

    def state(self, bmc: BmcTarget) -> PowerState:
        """Get Chassis Status (28.2). Raises LunaError in words."""
        with connected(bmc) as connection:
            status = connection.send(CHASSIS, GET_CHASSIS_STATUS)
        return PowerState.ON if status[0] & 1 else PowerState.OFF

    def act(self, bmc: BmcTarget, action: PowerAction) -> None:
        """Chassis Control (28.3), accepted but not awaited. A cycle of a machine that is off turns it on."""
        with connected(bmc) as connection:
            try:
                connection.send(CHASSIS, CHASSIS_CONTROL, CONTROL[action])
            except IpmiException as error:
                if action is not PowerAction.CYCLE or error.ipmicode != NOT_NOW:
                    raise
                connection.send(CHASSIS, CHASSIS_CONTROL, CONTROL[PowerAction.ON])

    def set_boot_device(self, bmc: BmcTarget, device: BootDevice, *, persistent: bool, uefi: bool | None) -> None:
        """Set System Boot Options (28.12): the boot flags, and that no time-out clears them.

        The flags can't leave the firmware's mode open, so with `uefi` None they repeat what the BMC has in them.
        """
        with connected(bmc) as connection:
            is_uefi = _is_uefi(connection) if uefi is None else uefi
            connection.pyghmi().set_bootdev(DEVICES[device], persist=persistent, uefiboot=is_uefi)

    def identify(self, bmc: BmcTarget, seconds: int) -> None:
        """Chassis Identify (28.5). Raises BadInput above 255 s, which IPMI can't say."""
        if not 0 <= seconds <= MAX_IDENTIFY_S:
            raise BadInput(f"identify of {bmc.node}: {seconds} s were given; IPMI accepts 0 to {MAX_IDENTIFY_S}.")
        with connected(bmc) as connection:
            connection.send(CHASSIS, CHASSIS_IDENTIFY, seconds)

    def event_log(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """The System Event Log (31.5), with the names that the sensor data records give."""
        with connected(bmc) as connection:
            return [rows.event(entry) for entry in connection.pyghmi().get_event_log()]

    def clear_event_log(self, bmc: BmcTarget) -> None:
        """Clear SEL (31.9) under a reservation; the BMC goes on erasing by itself."""
        with connected(bmc) as connection:
            reservation = connection.send(STORAGE, RESERVE_SEL)
            connection.send(STORAGE, CLEAR_SEL, *reservation[:2], *b"CLR", 0xAA)

    def sensors(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """Every sensor that has a data record (33.9) and its reading (35.14)."""
        with connected(bmc) as connection:
            return [rows.sensor(reading) for reading in connection.pyghmi().get_sensor_data()]

    def console_command(self, bmc: BmcTarget) -> Sequence[str]:
        """Serial over LAN (section 15) in a process of its own, which takes the password from a file and removes it."""
        return [sys.executable, "-m", "luna_bmc_ipmi.console", str(hand_over(bmc))]


def _is_uefi(connection: Connection) -> bool:
    """Whether the boot flags (28.13), in force or not, say EFI; a BMC that refuses to tell them has none."""
    try:
        answer = connection.send(CHASSIS, GET_BOOT_OPTIONS, BOOT_FLAGS, 0, 0)
    except IpmiException as error:
        if not error.ipmicode:
            raise
        return False
    return len(answer) > 2 and bool(answer[2] & EFI)
