"""A BMC for tests and benchmarks: OpenIPMI's ipmi_sim, which speaks IPMI 2.0 over RMCP+ with cipher suite 3."""

import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from luna_bmc_ipmi.watch import PRESENCE_PING
from luna_core.errors import CommandFailed
from luna_core.types import BmcTarget

START_TIMEOUT_S = 30
# name, password, privilege, how many sessions at once
USERS = (("admin", "secret", "admin", 10), ("oper", "operpw", "operator", 10), ("guest", "guestpw", "user", 10))
_LAN = """\
name "{name}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_user md5
    allowed_auths_operator md5
    allowed_auths_admin md5
    guid a123456789abcdefa123456789abcdef
  endlan
"""
# A controller with an event log of one entry and a temperature sensor that reads 45 °C.
_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
sensor_add 0x20 0 1 0x01 0x01
sensor_set_value 0x20 0 1 0x2d 0
sensor_set_event_support 0x20 0 1 enable scanning per-state \
000111111000000 000111111000000 000111111000000 000111111000000
main_sdr_add 0x20 0x00 0x00 0x51 0x01 0x2f 0x20 0x00 0x01 0x03 0x01 0x7f 0x68 0x01 0x01 0x80 0x0a 0x80 0x0a 0x3f 0x3f \
0x80 0x01 0x00 0x00 0x01 0x00 0x00 0x00 0x00 0x00 0x07 0x20 0x50 0x10 0xff 0x00 0x7f 0x78 0x70 0x00 0x00 0x00 0x02 \
0x02 0x00 0x00 0x00 0xc4 0x43 0x50 0x55 0x31
mc_enable 0x20
sel_add 0x20 2 0 0 0 0 0x20 0 4 0x01 0x01 0x01 0x57 0x60 0x50
"""
# ipmi_sim calls it as "get power", "set power 1 boot pxe" and the like.
_CHASSIS = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
verb=$1
shift
while [ $# -gt 0 ]; do
    if [ "$verb" = get ]; then
        echo "$1:$(cat "$1" 2>/dev/null || case $1 in boot) echo default ;; *) echo 0 ;; esac)"
        shift
        continue
    fi
    case $1 in
        power | boot) echo "$2" > "$1" ;;
        shutdown) echo 0 > power ;;
    esac
    shift 2
done
"""


@dataclass
class SimulatedBmc:
    """One ipmi_sim process, with its files in `directory` (a new one for each).

    `chassis` False leaves out the chassis and its script, for many at once: it can then only be asked for its state.
    `serial` is the device of its serial console.
    """

    directory: Path
    address: str = "127.0.0.1"
    port: int = 0
    users: Sequence[tuple[str, str, str, int]] = USERS
    chassis: bool = True
    serial: Path | None = None
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it and wait until it listens. Raises CommandFailed with what it says."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port(self.address)
        self._write()
        command = ("ipmi_sim", "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-p", "-n")
        with (self.directory / "output").open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - a list, so no shell reads it
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def wait(self) -> None:
        """Wait until it listens. Raises CommandFailed with what it says if it doesn't within 30 s."""
        deadline = time.monotonic() + START_TIMEOUT_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ping:
            ping.connect((self.address, self.port))
            ping.settimeout(0.05)
            while True:
                try:
                    ping.send(PRESENCE_PING)
                    ping.recv(64)
                    return
                except OSError as error:
                    if time.monotonic() > deadline or self.process.poll() is not None:
                        said = (self.directory / "output").read_text(errors="replace")
                        raise CommandFailed(f"ipmi_sim does not listen on UDP port {self.port}:\n{said}") from error
                    if isinstance(error, ConnectionRefusedError):
                        time.sleep(0.01)

    def stop(self) -> None:
        """End it; a second time is harmless."""
        self.process.kill()
        self.process.wait()

    def target(self, user: str = "admin", password: str = "secret", **options: str) -> BmcTarget:  # noqa: S107
        """How luna reaches it."""
        return BmcTarget(
            node="node001",
            address=ip_address(self.address),
            port=self.port,
            username=user,
            password=password,
            timeout_s=START_TIMEOUT_S,
            options=options,
        )

    def calls(self) -> list[str]:
        """What the chassis was asked and told so far."""
        calls = self.directory / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def _write(self) -> None:
        lan = _LAN.format(name=self.directory.name, address=self.address, port=self.port)
        for number, (name, password, privilege, sessions) in enumerate(self.users, start=2):
            lan += f'  user {number} true "{name}" "{password}" {privilege} {sessions} md5\n'
        if self.chassis:
            lan += f'  chassis_control "{self.directory / "chassis"}"\n'
            (self.directory / "chassis").write_text(_CHASSIS)
            (self.directory / "chassis").chmod(0o755)
        if self.serial:
            lan += f'  sol "{self.serial}" 115200\n'
        (self.directory / "lan.conf").write_text(lan)
        (self.directory / "sim.emu").write_text(_EMULATION)


def free_port(address: str) -> int:
    """A UDP port that nobody has: of two ipmi_sim on one port neither complains."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((address, 0))
        return int(one.getsockname()[1])
