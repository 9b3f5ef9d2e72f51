"""A node's serial console, on a terminal and through pipes, at ipmi_sim whose serial port is another terminal."""

import os
import pty
import stat
import subprocess
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_bmc_ipmi.driver import IpmiDriver
from luna_bmc_ipmi.escape import Keyboard
from luna_bmc_ipmi.testing import SimulatedBmc
from luna_core.types import BmcTarget


@pytest.fixture
def serial() -> Iterator[tuple[int, Path]]:
    """The node's end of its serial port, and the device at the BMC's end."""
    node, bmc = pty.openpty()
    tty.setraw(bmc)
    yield node, Path(os.ttyname(bmc))
    os.close(node)
    os.close(bmc)


@pytest.fixture
def bmc(tmp_path: Path, serial: tuple[int, Path]) -> Iterator[SimulatedBmc]:
    one = SimulatedBmc(tmp_path / "bmc", serial=serial[1])
    one.start()
    yield one
    one.stop()


def read_until(descriptor: int, end: bytes) -> bytes:
    said = b""
    while end not in said:
        said += os.read(descriptor, 1)
    return said


def test_what_is_typed_reaches_the_node_and_back(
    driver: IpmiDriver, bmc: SimulatedBmc, serial: tuple[int, Path]
) -> None:
    terminal, ours = pty.openpty()
    with subprocess.Popen(driver.console_command(bmc.target()), stdin=ours, stdout=ours, stderr=ours) as process:
        assert b"Console of node001. To leave it, type Enter ~ ." in read_until(terminal, b"]\r\n")
        os.write(terminal, b"root\x03\r~~")
        assert read_until(serial[0], b"~") == b"root\x03\r~"
        os.write(serial[0], b"Password: ")
        assert read_until(terminal, b": ") == b"Password: "
        os.write(terminal, b"\r~.")
        assert b"Left the console of node001." in read_until(terminal, b"]\r\n")
        assert process.wait() == 0
    os.close(terminal)
    os.close(ours)


def test_a_console_may_be_left_and_taken_again(driver: IpmiDriver, bmc: SimulatedBmc) -> None:
    for _ in range(2):
        done = subprocess.run(driver.console_command(bmc.target()), input=b"\r~.", capture_output=True, check=True)
        assert b"Left the console" in done.stdout


def test_the_password_is_in_a_private_file_until_it_is_read(
    driver: IpmiDriver, bmc: SimulatedBmc, runtime: Path
) -> None:
    command = driver.console_command(bmc.target())
    [handed_over] = runtime.iterdir()
    assert stat.S_IMODE(handed_over.stat().st_mode) == 0o600
    assert "secret" in handed_over.read_text()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        while b"Console of" not in process.stdout.readline():
            assert process.poll() is None
        assert list(runtime.iterdir()) == []
        for name in ("cmdline", "environ"):
            assert b"secret" not in Path(f"/proc/{process.pid}/{name}").read_bytes()
        process.communicate(b"\r~.")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"password": "wrong"}, "does not accept the password"),
        ({"cipher_suite": "17"}, "refuses cipher suite 17"),
    ],
)
def test_a_refusal_is_told_and_fails(driver: IpmiDriver, bmc: SimulatedBmc, change: dict[str, str], told: str) -> None:
    done = subprocess.run(driver.console_command(bmc.target(**change)), input="", capture_output=True, text=True)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_without_a_console(driver: IpmiDriver, start_pyghmi_bmc: Callable[[], BmcTarget]) -> None:
    done = subprocess.run(driver.console_command(start_pyghmi_bmc()), input="", capture_output=True, text=True)
    assert done.returncode == 1
    assert "The console of node001 at 127.0.0.1 was closed: SOL is disabled." in done.stderr


def test_a_file_that_was_used_already(driver: IpmiDriver, bmc: SimulatedBmc, runtime: Path) -> None:
    command = driver.console_command(bmc.target())
    subprocess.run(command, input=b"", stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run(command, input="", capture_output=True, text=True)
    assert done.returncode == 1
    assert "luna power console" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"ls\r", [b"l", b"s", b"\r"]),
        (b"~.", [b"", "leave"]),
        (b"a~.", [b"a", b"~", b"."]),
        (b"a\r~.", [b"a", b"\r", b"", "leave"]),
        (b"~~.", [b"", b"~", b"."]),
        (b"~x", [b"", b"~x"]),
        (b"~B~.", [b"", "break", b"", "leave"]),
    ],
)
def test_the_escape_counts_only_at_the_beginning_of_a_line(typed: bytes, meant: list[bytes | str]) -> None:
    keyboard = Keyboard()
    assert [keyboard.press(key) for key in typed] == meant
