"""The BMC that comes with pyghmi, in a process of its own: prints its port and serves until it is killed."""

import socket
import sys
from typing import Any, ClassVar

from pyghmi.ipmi.bmc import Bmc


class Machine(Bmc):
    power = "off"
    boot_flags: ClassVar[list[int]] = [0, 0, 0, 0, 0]
    cycle_code = 0

    def get_power_state(self) -> str:
        return self.power

    def power_on(self) -> None:
        self.power = "on"

    def power_off(self) -> None:
        self.power = "off"

    power_shutdown = power_off

    def power_reset(self) -> int:
        return 0 if self.power == "on" else 0xD5

    def power_cycle(self) -> int:
        return self.cycle_code or self.power_reset()

    def get_system_boot_options(self, request: dict[str, Any], session: Any) -> None:
        """Boot flags as they were set, which pyghmi's BMC doesn't keep."""
        session.send_ipmi_response(data=[1, 5, *self.boot_flags])

    def set_system_boot_options(self, request: dict[str, Any], session: Any) -> None:
        if request["data"][0] == 5:
            self.boot_flags = list(request["data"][1:])
        session.send_ipmi_response()


address = sys.argv[2]
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.bind((address, 0))
    port = one.getsockname()[1]
Machine.cycle_code = int(sys.argv[1])
machine = Machine({"admin": "secret"}, port=port, address=address)
print(port, flush=True)
machine.listen()
