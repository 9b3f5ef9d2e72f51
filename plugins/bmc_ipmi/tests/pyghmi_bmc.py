"""The BMC that comes with pyghmi, in a process of its own: prints its port and serves until it is killed."""

import socket
import sys

from pyghmi.ipmi.bmc import Bmc


class Machine(Bmc):
    power = "off"
    boot_device = "default"
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

    def get_boot_device(self) -> str:
        return self.boot_device

    def set_boot_device(self, bootdevice: str) -> None:
        self.boot_device = bootdevice


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.bind(("127.0.0.1", 0))
    port = one.getsockname()[1]
Machine.cycle_code = int(sys.argv[1])
machine = Machine({"admin": "secret"}, port=port, address="127.0.0.1")
print(port, flush=True)
machine.listen()
