"""What stands around a lab's machines: a BMC for each and a switch, on the network `ipmi`."""

import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from types import TracebackType

from luna_core.errors import LunaError
from luna_core.run import run
from luna_lab import bmc, redfish, state, switch
from luna_lab.chassis import ChassisRoom
from luna_lab.lab import Lab

NETWORK = IPv4Network("10.148.0.0/16")
SWITCH = IPv4Address("10.148.255.1")
DRIVERS = ("ipmi", "redfish")
READY_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.2


class Rack:
    """BMCs and a switch for a lab that is up; a context manager within the lab's own.

    Every BMC answers IPMI, and Redfish where that is installed; `driver`, one of DRIVERS, is what a controller is to
    speak with them. `password` is that of the BMCs' user `bmc.USER`, `community` the switch's; both are made up for
    each lab. Raises LunaError for a driver that isn't installed.
    """

    def __init__(self, lab: Lab, driver: str = DRIVERS[0]) -> None:
        if driver == "redfish" and not redfish.is_installed():
            raise LunaError(
                "luna-lab has no Redfish services without its extra 'redfish' (sushy-tools): install it from luna's "
                "repository with pip install './plugins/lab[redfish]', or leave --bmc out for IPMI."
            )
        self.lab = lab
        self.driver = driver
        self.password = secrets.token_urlsafe(10)
        self.community = secrets.token_urlsafe(12)
        self.names = [machine.name for machine in lab.machines]
        self._room = ChassisRoom(lab.directory, lab.machines)
        self._redfish = lab.directory / "redfish"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Rack":
        self._room.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
        self._room.__exit__(kind, error, trace)

    def bmc_address(self, number: int) -> IPv4Address:
        """The address of the BMC of the machine of that number."""
        return NETWORK.network_address + number

    def registration(self, group: str) -> Iterator[tuple[Sequence[str], str | None]]:
        """The luna commands that make a controller know BMCs, switch and nodes, whose MACs nobody tells it.

        With each comes what it reads from its standard input.
        """
        yield ["network", "add", "ipmi", "--network", str(NETWORK)], None
        trust = [f"--option=ca={self._redfish / redfish.CERTIFICATE}"] if self.driver == "redfish" else []
        login = ("--driver", self.driver, "--user", bmc.USER, "--user-id", str(bmc.USER_ID), "--password", "@-")
        yield ["bmcsetup", "add", "default", *login, *trust], self.password
        yield ["group", "change", group, "--bmcsetup", "default"], None
        yield ["group", "interface", "add", group, "BMC", "--network", "ipmi"], None
        # Port numbers are those that a bridge counts, as on the front of a switch.
        known = ("--address", str(SWITCH), "--community", "@-", "--port-numbers", "bridge")
        yield ["switch", "add", "sw01", *known], self.community
        cabling = ("--switch", "sw01", "--ports", f"1-{len(self.names)}")
        yield ["node", "add", ",".join(self.names), "--group", group, *cabling], None

    def _start(self) -> None:
        namespace = self.lab.namespace
        plans = {self.bmc_address(machine.plan.number): machine.plan for machine in self.lab.machines}
        nodes = {address: plan.name for address, plan in plans.items()}
        # On the loopback interface, so that the bridge has nothing but the machines and its uplink.
        lines = [f"address add {address} dev lo" for address in (*nodes, SWITCH)]
        run(namespace.command("ip", "-batch", "-"), stdin="\n".join([*lines, *switch.UPLINK_LINKS]))
        directory = self.lab.directory
        commands = dict(switch.commands(directory, SWITCH, self.community))
        ports = [bmc.PORT]
        if redfish.is_installed():
            commands["redfish"] = redfish.write(self._redfish, nodes, self.password, self._room.path)
            ports.append(redfish.PORT)
        for address, plan in plans.items():
            name, chassis = f"{plan.name}.bmc", self._room.command(plan.name)
            commands[name] = bmc.write(directory / name, address, self.password, chassis, plan.bmc_port)
        for name, command in commands.items():
            self._processes[name] = self.lab.spawn(name, *command)
        sockets = [f"{address}:{port}" for address in nodes for port in ports]
        self._wait_for([*sockets, f"{SWITCH}:{switch.PORT}"])
        (directory / state.BMC_DRIVER).write_text(self.driver)

    def _wait_for(self, sockets: Sequence[str]) -> None:
        """Until all of these sockets are there. Raises LunaError with what a program said that has ended."""
        until_s = time.monotonic() + READY_WITHIN_S
        while True:
            there = {line.split()[4] for line in run(self.lab.namespace.command("ss", "-Hlntu")).splitlines()}
            if there.issuperset(sockets):
                return
            ended = [name for name, process in self._processes.items() if process.poll() is not None]
            if ended or time.monotonic() > until_s:
                missing = ", ".join(sorted(set(sockets) - there))
                said = "\n".join((self.lab.directory / f"{name}.log").read_text(errors="replace") for name in ended)
                raise LunaError(f"Nothing listens on {missing}; ended: {', '.join(ended) or 'nothing'}.\n{said}")
            time.sleep(_LOOK_EVERY_S)
