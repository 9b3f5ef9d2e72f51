"""What can be asked of a BMC, as functions that another process can be sent by their names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from luna_core.errors import BadInput
from luna_core.interfaces import PowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState

Function = Callable[[PowerDriver, BmcTarget], object]
Rows = Sequence[Mapping[str, str]]
FIRMWARE = "firmware"
IS_UEFI = {"uefi": True, "bios": False, "": None}


@dataclass(frozen=True, kw_only=True)
class Call:
    """Something to ask of BMCs.

    `function` must be found by its module and name (or be a `functools.partial` of such a one). `patience` is how many
    of the BMC's time-outs it may take before luna gives it up; `inrush` says that it may switch a machine on.
    """

    function: Function
    patience: float = 6.0
    inrush: bool = False


def state(driver: PowerDriver, bmc: BmcTarget) -> PowerState:
    """Whether the node is on."""
    return driver.state(bmc)


def act(driver: PowerDriver, bmc: BmcTarget, *, action: PowerAction) -> None:
    """Switch the node on or off, or reset it."""
    driver.act(bmc, action)


def identify(driver: PowerDriver, bmc: BmcTarget, *, seconds: int) -> None:
    """Light the node's LED for so long; 0 turns it off."""
    driver.identify(bmc, seconds)


def set_boot_device(
    driver: PowerDriver, bmc: BmcTarget, *, device: BootDevice, persistent: bool, uefi: bool | None
) -> None:
    """Choose what the node boots from; with `uefi` None by the firmware that its bmcsetup says, if it says one."""
    driver.set_boot_device(bmc, device, persistent=persistent, uefi=_wants_uefi(bmc) if uefi is None else uefi)


def boot_from_network(driver: PowerDriver, bmc: BmcTarget) -> None:
    """Let the node boot from the network, once, and now: switched on, or off and on again."""
    driver.set_boot_device(bmc, BootDevice.NETWORK, persistent=False, uefi=_wants_uefi(bmc))
    driver.act(bmc, PowerAction.CYCLE if driver.state(bmc) is PowerState.ON else PowerAction.ON)


def event_log(driver: PowerDriver, bmc: BmcTarget) -> Rows:
    """The system event log, oldest first."""
    return [dict(row) for row in driver.event_log(bmc)]


def clear_event_log(driver: PowerDriver, bmc: BmcTarget) -> None:
    """Empty the system event log."""
    driver.clear_event_log(bmc)


def sensors(driver: PowerDriver, bmc: BmcTarget) -> Rows:
    """Every sensor's reading."""
    return [dict(row) for row in driver.sensors(bmc)]


def _wants_uefi(bmc: BmcTarget) -> bool | None:
    given = bmc.options.get(FIRMWARE, "")
    if given not in IS_UEFI:
        where = f"The bmcsetup of node {bmc.node}: options.{FIRMWARE}"
        raise BadInput(f"{where}: {given!r} was given; accepted is uefi or bios.")
    return IS_UEFI[given]
