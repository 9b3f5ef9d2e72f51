"""BMCs: OpenIPMI's ipmi_sim, which speaks IPMI 2.0 over RMCP+ with cipher suite 3 (ipmi_sim(1), ipmi_lan(5))."""

import os
from ipaddress import IPv4Address
from pathlib import Path

PORT = 623
USER, USER_ID = "admin", 2
_LAN = """\
name "{name}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_admin md5
    guid a123456789abcdefa123456789abcdef
  endlan
{system}
  user {user_id} true "{user}" "{password}" admin 10 md5
  chassis_control "{chassis}"
"""
_SYSTEM = "  serial kcs 127.0.0.1 {port} codec VM"
# A controller with an event log. A mistake in here makes ipmi_sim run without a socket, and say nothing.
_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def write(
    directory: Path, address: IPv4Address, password: str, chassis: str, system_port: int | None
) -> list[str | Path]:
    """Write the files of a BMC into a new directory, and return the command that runs it.

    `chassis` is the shell command that it starts to switch its machine; `system_port`, where there is one, is the port
    of the loopback interface on which the machine's system may speak with it.
    """
    directory.mkdir(mode=0o700)
    lan, emulation = directory / "lan.conf", directory / "commands"
    system = _SYSTEM.format(port=system_port) if system_port else ""
    known = {"user": USER, "user_id": USER_ID, "password": password, "chassis": chassis, "system": system}
    write_private(lan, _LAN.format(name=directory.name, address=address, port=PORT, **known))
    emulation.write_text(_EMULATION)
    # Nothing typed in, and nothing kept.
    return ["ipmi_sim", "-c", lan, "-f", emulation, "-s", directory / "state", "-n", "-p"]


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can ever read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
