"""Each thing that can be wrong with a BMC has its own sentence, shown here on BMCs that are wrong in that way."""

import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.errors import LunaError, Unsupported
from luna_core.types import BmcTarget, PowerAction, PowerState

Relayed = Callable[[Callable[[bytes], bytes | None]], BmcTarget]
# Where a datagram says what it is: IPMI 2.0, tables 13-8 (payload type) and 13-10, 13-12 (status code).
PAYLOAD_TYPE, STATUS = 5, 17
OPEN_SESSION_RESPONSE, RAKP_2, RAKP_4 = 0x11, 0x13, 0x15
COMPLETION_CODE = 20
WHO = "The BMC of node001 at 127.0.0.1 "


def sentence(driver: IpmiDriver, bmc: BmcTarget, action: PowerAction | None = None) -> str:
    with pytest.raises(LunaError) as raised:
        driver.state(bmc) if action is None else driver.act(bmc, action)
    assert raised.value.exit_status == 1
    return str(raised.value)


def with_status(payload_type: int, status: int) -> Callable[[bytes], bytes]:
    """Gives answers of one type another status code."""

    def change(data: bytes) -> bytes:
        if data[4] != 6 or data[PAYLOAD_TYPE] != payload_type:
            return data
        return data[:STATUS] + bytes([status]) + data[STATUS + 1 :]

    return change


def test_a_wrong_password(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    told = sentence(driver, simulated.target(password="wrong"))
    assert told == WHO + "does not accept the password of user 'admin'."


def test_a_user_that_the_bmc_does_not_know(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    told = sentence(driver, simulated.target("nobody"))
    assert told == WHO + "knows no user 'nobody' who may log in over the network."


def test_too_little_privilege_for_the_action(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    bmc = simulated.target("guest", "guestpw", privilege="user")
    assert driver.state(bmc) is PowerState.OFF
    told = sentence(driver, bmc, PowerAction.ON)
    assert told.startswith(WHO + "does not let user 'guest' do this with the privilege 'user': ")


@pytest.mark.parametrize("code", [0x09, 0x0A])
def test_too_little_privilege_for_the_login(driver: IpmiDriver, relayed: Relayed, code: int) -> None:
    told = sentence(driver, relayed(with_status(RAKP_2, code)))
    assert told.startswith(WHO + "does not let user 'admin' do this with the privilege 'administrator': ")


def test_a_refused_cipher_suite(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    told = sentence(driver, simulated.target(cipher_suite="17"))
    assert told.startswith(WHO + "refuses cipher suite 17: ")
    assert "'ipmitool -C'" in told


def test_every_cipher_suite_refused(driver: IpmiDriver, relayed: Relayed) -> None:
    told = sentence(driver, relayed(with_status(OPEN_SESSION_RESPONSE, 0x11)))
    assert told.startswith(WHO + "refuses cipher suite 17 or 3: ")


def test_a_bmc_that_takes_no_more_sessions(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    suite_3 = bytes([0, 0, 0, 8, 1, 0, 0, 0, 1, 0, 0, 8, 1, 0, 0, 0, 2, 0, 0, 8, 1, 0, 0, 0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
        greedy.connect(("127.0.0.1", simulated.port))
        for number in range(1, 256):
            request = bytes([number, 0, 0, 0]) + struct.pack("<I", number) + suite_3
            greedy.send(b"\x06\x00\xff\x07\x06\x10" + bytes(8) + struct.pack("<H", len(request)) + request)
            if greedy.recv(4096)[STATUS]:
                break
    assert sentence(driver, simulated.target()).startswith(WHO + "is busy: Insufficient resources")


def test_a_bmc_that_is_busy_before_the_login(driver: IpmiDriver, relayed: Relayed) -> None:
    def busy(data: bytes) -> bytes:
        return data[:COMPLETION_CODE] + b"\xc0" + data[COMPLETION_CODE + 1 :]

    assert sentence(driver, relayed(busy)).startswith(WHO + "is busy: Node Busy")


def test_a_bmc_that_is_busy_when_it_should_act(
    driver: IpmiDriver, start_pyghmi_bmc: Callable[[int], BmcTarget]
) -> None:
    told = sentence(driver, start_pyghmi_bmc(0xC0), PowerAction.CYCLE)
    assert told == WHO + "is busy: Node Busy. Try again in a minute."


def test_a_silent_bmc(driver: IpmiDriver, silent: BmcTarget) -> None:
    assert sentence(driver, silent) == WHO + "did not answer within 0.8 s."


def test_a_silent_bmc_after_one_whose_farewell_is_still_to_come(
    driver: IpmiDriver, simulated: SimulatedBmc, silent: BmcTarget
) -> None:
    driver.state(simulated.target())
    assert sentence(driver, silent) == WHO + "did not answer within 0.8 s."


def test_patience_beyond_that_of_pyghmi(driver: IpmiDriver, relayed: Relayed) -> None:
    """It sends its first question four times; the fifth answer lost is that to luna's ping."""
    unheard = iter(range(5))
    bmc = relayed(lambda data: data if next(unheard, None) is None else None)
    assert driver.state(bmc) is PowerState.OFF


@pytest.mark.parametrize("last", [OPEN_SESSION_RESPONSE, RAKP_2, RAKP_4])
def test_a_bmc_that_falls_silent_during_the_login(driver: IpmiDriver, relayed: Relayed, last: int) -> None:
    def silenced(data: bytes) -> bytes | None:
        return None if data[4] == 6 and data[PAYLOAD_TYPE] == last else data

    assert sentence(driver, replace(relayed(silenced), timeout_s=4)).startswith(
        WHO + "answered at first, but left the rest unanswered for 4 s; "
    )


def test_a_bmc_that_falls_silent_after_the_login(driver: IpmiDriver, relayed: Relayed) -> None:
    def silenced(data: bytes) -> bytes | None:
        return None if data[4] == 6 and data[PAYLOAD_TYPE] & 0x3F == 0 else data

    assert sentence(driver, replace(relayed(silenced), timeout_s=4)).startswith(
        WHO + "answered at first, but left the rest unanswered for 4 s; "
    )


def test_a_machine_that_is_no_bmc(driver: IpmiDriver, silent: BmcTarget) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    told = sentence(driver, replace(silent, port=port, timeout_s=60))
    assert told.startswith(f"Nothing at 127.0.0.1 listens on UDP port {port}, where node001 should have its BMC: ")


def test_another_kg_key(driver: IpmiDriver, simulated: SimulatedBmc) -> None:
    assert sentence(driver, simulated.target(kg="0x0102")).startswith(WHO + "has another Kg key: ")


def test_nonsense_instead_of_answers(driver: IpmiDriver, relayed: Relayed) -> None:
    told = sentence(driver, relayed(lambda data: data[:21]))
    assert told.startswith(WHO + "answered in a way that luna doesn't understand (")


def test_a_command_that_the_bmc_does_not_know(driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget]) -> None:
    with pytest.raises(Unsupported, match=r"can't do that: Invalid command \(IPMI completion code 0xC1\)"):
        driver.identify(start_pyghmi_bmc(), 5)
