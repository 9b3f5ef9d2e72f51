"""What luna expects of a power driver, as tests."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

import pytest

from luna_core.errors import LunaError, Unsupported
from luna_core.interfaces import PowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState


class PowerDriverContract:
    """Set `driver_class` and override `bmc`, `dead_bmc` and `refusing_bmc`. The machine may be on or off."""

    driver_class: ClassVar[type[PowerDriver]]

    @pytest.fixture
    def driver(self) -> PowerDriver:
        """A driver, created as luna does."""
        return self.driver_class()

    @pytest.fixture
    def bmc(self) -> BmcTarget:
        """A BMC that works."""
        raise NotImplementedError

    @pytest.fixture
    def dead_bmc(self) -> BmcTarget:
        """A BMC that never answers; give it a short `timeout_s`."""
        raise NotImplementedError

    @pytest.fixture
    def refusing_bmc(self) -> BmcTarget:
        """A BMC that does not accept the password."""
        raise NotImplementedError

    def reach(self, driver: PowerDriver, bmc: BmcTarget, state: PowerState) -> None:
        """Wait until the chassis is in `state`; override it for a BMC that takes its time."""
        assert driver.state(bmc) is state

    @pytest.mark.parametrize(("action", "state"), [(PowerAction.ON, PowerState.ON), (PowerAction.OFF, PowerState.OFF)])
    def test_on_and_off_do_what_they_say_also_twice(
        self, driver: PowerDriver, bmc: BmcTarget, action: PowerAction, state: PowerState
    ) -> None:
        """Each is idempotent."""
        for _ in range(2):
            driver.act(bmc, action)
            self.reach(driver, bmc, state)

    @pytest.mark.parametrize("action", [PowerAction.RESET, PowerAction.CYCLE])
    def test_a_machine_that_is_on_comes_back(self, driver: PowerDriver, bmc: BmcTarget, action: PowerAction) -> None:
        """After a reset or a power cycle it is on."""
        driver.act(bmc, PowerAction.ON)
        self.reach(driver, bmc, PowerState.ON)
        driver.act(bmc, action)
        self.reach(driver, bmc, PowerState.ON)

    @pytest.mark.parametrize("device", BootDevice)
    def test_every_boot_device_is_accepted(self, driver: PowerDriver, bmc: BmcTarget, device: BootDevice) -> None:
        """Once or from now on, by UEFI, BIOS or either. Not every BMC can be told to enter the firmware's set-up."""
        with suppress(*[Unsupported] if device is BootDevice.SETUP else []):
            driver.set_boot_device(bmc, device, persistent=False, uefi=None)
            driver.set_boot_device(bmc, device, persistent=False, uefi=True)
            driver.set_boot_device(bmc, device, persistent=True, uefi=False)

    def test_what_it_can_not_do_is_unsupported(self, driver: PowerDriver, bmc: BmcTarget) -> None:
        """The optional operations work, or say that they don't."""
        operations: list[Callable[[], object]] = [
            lambda: driver.identify(bmc, 0),
            lambda: driver.console_command(bmc),
            lambda: driver.clear_event_log(bmc),
        ]
        for operation in operations:
            with suppress(Unsupported):
                operation()

    def test_logs_and_sensors_have_the_promised_columns(self, driver: PowerDriver, bmc: BmcTarget) -> None:
        """Where the driver has them at all."""
        for read, columns in (
            (driver.event_log, {"time", "sensor", "event", "severity"}),
            (driver.sensors, {"name", "value", "units", "health"}),
        ):
            assert all(set(row) == columns for row in _rows(read, bmc))

    @pytest.mark.parametrize("broken", ["dead_bmc", "refusing_bmc"])
    def test_a_bmc_that_fails_is_an_error_in_words_without_the_password(
        self,
        driver: PowerDriver,
        broken: str,
        request: pytest.FixtureRequest,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """And neither log nor repr tells it."""
        bmc: BmcTarget = request.getfixturevalue(broken)
        assert bmc.password
        with caplog.at_level("DEBUG"), pytest.raises(LunaError) as raised:
            driver.state(bmc)
        for text in (str(raised.value), repr(raised.value), repr(driver), caplog.text):
            assert bmc.password not in text
        with pytest.raises(LunaError):
            driver.act(bmc, PowerAction.ON)


def _rows(read: Callable[[BmcTarget], Sequence[Mapping[str, str]]], bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
    try:
        return read(bmc)
    except Unsupported:
        return ()
