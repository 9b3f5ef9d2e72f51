"""What luna expects of every power driver, of two BMCs that share no code."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.interfaces import PowerDriver
from luna_core.testing.power import PowerDriverContract
from luna_core.types import BmcTarget, PowerState


class Ipmi(PowerDriverContract):
    driver_class = IpmiDriver

    @pytest.fixture
    def dead_bmc(self, silent: BmcTarget) -> BmcTarget:
        return silent

    @pytest.fixture
    def refusing_bmc(self, bmc: BmcTarget) -> BmcTarget:
        return replace(bmc, password="another word")


class TestIpmiSim(Ipmi):
    def reach(self, driver: PowerDriver, bmc: BmcTarget, state: PowerState) -> None:
        """ipmi_sim leaves some seconds between the off and the on of a cycle."""
        deadline = time.monotonic() + 60
        while driver.state(bmc) is not state:
            assert time.monotonic() < deadline

    @pytest.fixture
    def bmc(self, simulated: SimulatedBmc) -> BmcTarget:
        return simulated.target()


class TestPyghmiBmc(Ipmi):
    @pytest.fixture
    def bmc(self, start_pyghmi_bmc: Callable[[], BmcTarget]) -> BmcTarget:
        return start_pyghmi_bmc()
