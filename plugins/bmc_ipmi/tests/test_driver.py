"""What the driver does beyond the contract."""

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.errors import BadInput, LunaError
from luna_core.types import BmcTarget, PowerAction, PowerState

NOT_IN_THIS_STATE = 0xD5


def test_its_kg_key_is_secret(driver: IpmiDriver) -> None:
    assert "kg" in driver.secret_options


def test_a_cycle_of_a_machine_that_is_off_turns_it_on(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[int], BmcTarget]
) -> None:
    bmc = start_pyghmi_bmc(NOT_IN_THIS_STATE)
    driver.act(bmc, PowerAction.CYCLE)
    assert driver.state(bmc) is PowerState.ON


def test_a_reset_of_a_machine_that_is_off_is_an_error(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget]
) -> None:
    with pytest.raises(LunaError, match="Command not supported in present state"):
        driver.act(start_pyghmi_bmc(), PowerAction.RESET)


@pytest.mark.parametrize("suite", ["auto", "3"])
def test_a_bmc_with_no_better_cipher_suite_than_3(
    driver: IpmiDriver, simulated: SimulatedBmc, start_pyghmi_bmc: Callable[[], BmcTarget], suite: str
) -> None:
    """One refuses 17, the other answers with 3 as if it had been asked for that."""
    for bmc in (simulated.target(), start_pyghmi_bmc()):
        assert driver.state(replace(bmc, options={"cipher_suite": suite})) is PowerState.OFF


def test_a_bmc_that_counters_with_3_where_only_17_will_do(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget]
) -> None:
    with pytest.raises(LunaError, match="refuses cipher suite 17: "):
        driver.state(replace(start_pyghmi_bmc(), options={"cipher_suite": "17"}))


def test_a_bmc_with_an_ipv6_address(driver: IpmiDriver, start_pyghmi_bmc: Callable[..., BmcTarget]) -> None:
    bmc = start_pyghmi_bmc(address="::1")
    driver.act(bmc, PowerAction.ON)
    assert driver.state(bmc) is PowerState.ON


def test_one_process_may_ask_bmcs_again_and_in_any_order(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    good, wrong = simulated.target(), simulated.target(password="wrong")
    for _ in range(3):
        assert driver.state(good) is PowerState.OFF
        with pytest.raises(LunaError, match="password"):
            driver.state(wrong)


def test_no_thread_is_started_beside_the_caller_s(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    """pyghmi's own would lose answers, and make forking unsafe."""
    before = threading.active_count()
    driver.sensors(simulated.target())
    assert threading.active_count() == before


def test_each_action_is_what_the_chassis_is_told(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    for action in (PowerAction.ON, PowerAction.RESET, PowerAction.SOFT, PowerAction.ON, PowerAction.OFF):
        driver.act(simulated.target(), action)
    # A question that takes the chassis long is asked again.
    told = [call for call, _ in groupby(simulated.calls()) if call.startswith("set")]
    assert told == ["set power 1", "set reset 1", "set shutdown 1", "set power 1", "set power 0"]


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("cipher_suite", "8", "accepted are auto, 17, 3"),
        ("privilege", "root", "accepted are user, operator, administrator"),
        ("kg", "0xzz", "accepted are 1 to 20 bytes"),
        ("kg", "k" * 21, "accepted are 1 to 20 bytes"),
        ("cipher", "3", "has port, firmware, cipher_suite, kg, privilege"),
    ],
)
def test_an_option_that_is_wrong(driver: IpmiDriver, silent: BmcTarget, option: str, value: str, accepted: str) -> None:
    with pytest.raises(BadInput, match=accepted) as raised:
        driver.state(replace(silent, options={option: value}))
    assert option in str(raised.value)


def test_a_password_longer_than_ipmi_has_room_for(driver: IpmiDriver, silent: BmcTarget) -> None:
    with pytest.raises(BadInput, match=r"the password has 21 bytes; IPMI 2\.0 accepts up to 20"):
        driver.state(replace(silent, password="p" * 21))


def test_identify_for_longer_than_ipmi_can_say(driver: IpmiDriver, silent: BmcTarget) -> None:
    with pytest.raises(BadInput, match="256 s were given; IPMI accepts 0 to 255"):
        driver.identify(silent, 256)
