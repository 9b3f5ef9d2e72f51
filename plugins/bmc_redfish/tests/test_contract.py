"""The driver keeps to luna's rules, with a BMC that nobody here wrote."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import Unsupported
from luna_core.interfaces import PowerDriver
from luna_core.testing.power import PowerDriverContract
from luna_core.types import BmcTarget, BootDevice, PowerState


class TestContract(PowerDriverContract):
    driver_class = RedfishDriver

    @pytest.fixture
    def bmc(self, emulator: BmcTarget) -> BmcTarget:
        return emulator

    @pytest.fixture
    def dead_bmc(self, emulator: BmcTarget) -> Iterator[BmcTarget]:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield replace(emulator, port=silent.getsockname()[1], timeout_s=0.3)

    @pytest.fixture
    def refusing_bmc(self, emulator: BmcTarget) -> BmcTarget:
        return replace(emulator, password="not-" + emulator.password)

    def reach(self, driver: PowerDriver, bmc: BmcTarget, state: PowerState) -> None:
        until = time.monotonic() + 60
        while driver.state(bmc) is not state and time.monotonic() < until:
            time.sleep(0.2)
        assert driver.state(bmc) is state

    def test_its_sensors_are_read(self, driver: PowerDriver, bmc: BmcTarget) -> None:
        rows = driver.sensors(bmc)
        assert {"name": "Chassis Intake Temp", "value": "25", "units": "°C", "health": "ok"} in rows
        assert {"name": "BaseBoard System Fan", "value": "2100", "units": "RPM", "health": "ok"} in rows

    def test_what_it_can_not_do_is_said(self, driver: PowerDriver, bmc: BmcTarget) -> None:
        with pytest.raises(Unsupported, match="can't boot its system from BiosSetup; it knows Pxe, Cd, Hdd"):
            driver.set_boot_device(bmc, BootDevice.SETUP, persistent=False, uefi=True)
        with pytest.raises(Unsupported, match="has no event log"):
            driver.event_log(bmc)
        with pytest.raises(Unsupported, match="Redfish has no serial console"):
            driver.console_command(bmc)
