"""What ipmitool says of a BMC is what luna says of it."""

import re
from collections.abc import Callable

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.run import run
from luna_core.types import BmcTarget, BootDevice, PowerAction


def ipmitool(bmc: BmcTarget, *command: str) -> str:
    """Cipher suite 3, for ipmi_sim doesn't tell which it has and ipmitool would wait 10 s for that."""
    where = ("-I", "lanplus", "-C", "3", "-H", str(bmc.address), "-p", str(bmc.port), "-U", bmc.username, "-E")
    return run(["ipmitool", *where, *command], environment={"IPMI_PASSWORD": bmc.password}).strip()


@pytest.fixture(params=["ipmi_sim", "pyghmi"])
def bmc(
    request: pytest.FixtureRequest, simulated: SimulatedBmc, start_pyghmi_bmc: Callable[[], BmcTarget]
) -> BmcTarget:
    return simulated.target() if request.param == "ipmi_sim" else start_pyghmi_bmc()


def test_the_state(driver: IpmiDriver, bmc: BmcTarget) -> None:
    for action in (PowerAction.ON, PowerAction.OFF):
        driver.act(bmc, action)
        assert ipmitool(bmc, "power", "status") == f"Chassis Power is {driver.state(bmc)}"
        ipmitool(bmc, "power", "off" if action is PowerAction.ON else "on")
        assert ipmitool(bmc, "power", "status") == f"Chassis Power is {driver.state(bmc)}"


@pytest.mark.parametrize(
    ("device", "read_back"),
    [
        (BootDevice.NETWORK, "Force PXE"),
        (BootDevice.DISK, "Force Boot from default Hard-Drive"),
        (BootDevice.SETUP, "Force Boot into BIOS Setup"),
        (BootDevice.DEFAULT, "No override"),
    ],
)
def test_the_boot_device_as_it_reads_back(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget], device: BootDevice, read_back: str
) -> None:
    bmc = start_pyghmi_bmc()
    ipmitool(bmc, "chassis", "bootdev", "floppy")
    driver.set_boot_device(bmc, device, persistent=False, uefi=False)
    assert f"Boot Device Selector : {read_back}" in ipmitool(bmc, "chassis", "bootparam", "get", "5")


@pytest.mark.parametrize(("persistent", "uefi"), [(False, False), (True, False), (False, True), (True, True)])
def test_the_boot_flags(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget], persistent: bool, uefi: bool
) -> None:
    """As they read back."""
    bmc = start_pyghmi_bmc()
    driver.set_boot_device(bmc, BootDevice.NETWORK, persistent=persistent, uefi=uefi)
    by_luna = ipmitool(bmc, "chassis", "bootparam", "get", "5")
    options = ",".join(["persistent"] * persistent + ["efiboot"] * uefi)
    ipmitool(bmc, "chassis", "bootdev", "pxe", *([f"options={options}"] if options else []))
    assert by_luna == ipmitool(bmc, "chassis", "bootparam", "get", "5")
    assert ("Options apply to all future boots" in by_luna) is persistent
    assert ("BIOS EFI boot" in by_luna) is uefi


@pytest.mark.parametrize("firmware", [[], ["options=efiboot"]])
def test_the_firmware_stays_as_the_bmc_has_it_if_nobody_says_another(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget], firmware: list[str]
) -> None:
    bmc = start_pyghmi_bmc()
    ipmitool(bmc, "chassis", "bootdev", "disk", *firmware)
    driver.set_boot_device(bmc, BootDevice.NETWORK, persistent=False, uefi=None)
    by_luna = ipmitool(bmc, "chassis", "bootparam", "get", "5")
    assert "Force PXE" in by_luna
    assert ("BIOS EFI boot" in by_luna) is bool(firmware)


def test_the_identify_light(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    ipmitool(simulated.target(), "chassis", "identify", "9")
    by_ipmitool = simulated.calls()[-1]
    driver.identify(simulated.target(), 0)
    driver.identify(simulated.target(), 9)
    assert simulated.calls()[-1] == by_ipmitool == "set identify 9 0"


def test_the_event_log(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    [line] = ipmitool(simulated.target(), "sel", "elist").splitlines()
    _number, _day, _time, sensor, event, direction, *_ = [field.strip() for field in line.split("|")]
    assert (sensor, event, direction) == ("Temperature CPU1", "Upper Non-critical going high", "Asserted")
    [entry] = driver.event_log(simulated.target())
    assert (entry["sensor"], entry["severity"]) == ("CPU1", "warning")
    assert event.lower().startswith(entry["event"].lower())


def test_an_emptied_event_log(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    driver.clear_event_log(simulated.target())
    assert driver.event_log(simulated.target()) == []
    assert re.search(r"Entries\s+: 0\b", ipmitool(simulated.target(), "sel", "info"))


def test_the_sensors(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    [line] = ipmitool(simulated.target(), "sensor").splitlines()
    name, value, units, health, *_ = [field.strip() for field in line.split("|")]
    [row] = driver.sensors(simulated.target())
    assert (row["name"], row["health"]) == (name, health)
    assert float(row["value"]) == float(value) == 45
    assert (row["units"], units) == ("°C", "degrees C")
