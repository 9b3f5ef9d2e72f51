"""A lab: a network of its own with a controller's address on it, and machines. What serves them is not its business."""

import os
import subprocess
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path
from types import TracebackType

from luna_core.errors import BadInput, LunaError
from luna_core.run import run
from luna_core.types import IPInterface
from luna_lab import ssh, state
from luna_lab.events import Event, Events
from luna_lab.machine import Machine, MachinePlan

CONTROLLER = IPv4Interface("10.141.255.254/16")
CONTROLLER_IPV6 = IPv6Interface("fd00:6c75:6e61::1/64")
_MOST_NODES = 200
_BMC_PORTS = 9000


class Lab:
    """A virtual cluster. As a context manager it is made on entering and removed on leaving.

    `name` is by default this process's number; `disks_mb` are the sizes of the disks in each machine; `link_mbit` holds
    what each node receives to that rate, `uplink_mbit` what the controller sends (by default to the same); with
    `in_band` the nodes' systems see their BMCs, with `tpm` each has a TPM, with `arm64` they are
    arm64 machines; `listener` is called with each event, from
    any thread.
    Machines with `uefi_http` have a UEFI that boots by HTTP alone. With `ipv6_only` there is no IPv4 in the boot
    network, and the machines have UEFI: the BIOS's own network boot knows no IPv6.
    """

    def __init__(
        self,
        *,
        nodes: int = 1,
        name: str | None = None,
        memory_mb: int = 1024,
        uefi: bool = False,
        uefi_http: bool = False,
        ipv6_only: bool = False,
        disks_mb: Sequence[int] = (),
        link_mbit: int | None = None,
        uplink_mbit: int | None = None,
        in_band: bool = False,
        tpm: bool = False,
        arm64: bool = False,
        listener: Callable[[Event], None] | None = None,
    ) -> None:
        if not 1 <= nodes <= _MOST_NODES:
            raise BadInput(f"lab: {nodes} nodes were asked for; accepted are 1 to {_MOST_NODES}.")
        self.name = name or str(os.getpid())
        self.events = Events(listener)
        self._limits_mbit = (link_mbit, uplink_mbit or link_mbit)
        self.in_band = in_band
        self.ipv6_only = ipv6_only
        self.arm64 = arm64
        self._plans = [
            MachinePlan(
                number=number,
                name=f"node{number:03}",
                mac=f"52:54:00:6c:{number >> 8:02x}:{number & 255:02x}",
                address=_address(number, ipv6_only),
                memory_mb=memory_mb,
                uefi=uefi or uefi_http or ipv6_only or arm64,
                uefi_http=uefi_http,
                disks_mb=disks_mb,
                bmc_port=_BMC_PORTS + number if in_band else None,
                tpm=tpm,
                arm64=arm64,
            )
            for number in range(1, nodes + 1)
        ]
        self._processes: list[subprocess.Popen[bytes]] = []
        self.machines: Sequence[Machine] = ()

    def __enter__(self) -> "Lab":
        if os.geteuid():
            raise LunaError("A lab needs root, for network namespaces and taps.")
        state.sweep()
        self._state = state.claim(self.name, {plan.name: str(plan.address.ip) for plan in self._plans})
        self.namespace = self._state.namespace
        self.directory = self._state.directory
        try:
            ssh.copy_key(self.directory)
            own = [CONTROLLER_IPV6] if self.ipv6_only else [CONTROLLER, CONTROLLER_IPV6]
            self.namespace.create([str(one) for one in own], len(self._plans), *self._limits_mbit)
        except BaseException:
            state.remove(self._state)
            raise
        self.machines = [Machine(plan, self.namespace, self.directory, self.events) for plan in self._plans]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for machine in self.machines:
            machine.stop()
        for process in self._processes:
            process.kill()
            process.wait()
        state.remove(self._state)

    @property
    def public_key(self) -> Path:
        """The public ssh key that nodes are to accept."""
        return self.directory / f"{ssh.KEY}.pub"

    def spawn(self, name: str, *command: str | Path) -> "subprocess.Popen[bytes]":
        """Start a program in the lab's network that ends with it; its output is in the file `NAME.log`."""
        with (self.directory / f"{name}.log").open("wb") as log:
            process = self.namespace.spawn(*command, stdout=log.fileno())
        self._processes.append(process)
        return process

    def wait_for_ssh(self, machine: Machine, timeout_s: float) -> None:
        """Return once a node can be logged in to. Raises CommandFailed.

        Its console can't tell: systemd says nothing there any more once a login prompt has waited for it for 5 s.
        """
        words = ssh.command(self.directory, str(machine.plan.address.ip), attempts=int(timeout_s))
        run(self.namespace.command(*words, "true"), timeout_s=timeout_s)

    def on_node(self, machine: Machine, command: str, *, timeout_s: float = 300.0) -> str:
        """Run a shell command as root on a node by ssh, and return its output. Raises CommandFailed."""
        return run(self.namespace.command(*self.ssh_command(machine, command)), timeout_s=timeout_s)

    def ssh_command(self, machine: Machine, command: str) -> list[str | Path]:
        """The command line that runs a shell command as root on a node, from within the lab's network."""
        return [*ssh.command(self.directory, str(machine.plan.address.ip)), command]


def _address(number: int, ipv6_only: bool) -> IPInterface:
    """What luna gives the node of that number: the lowest that is free."""
    network = (CONTROLLER_IPV6 if ipv6_only else CONTROLLER).network
    # The controller has the first of the IPv6 addresses, and the last of the others.
    return ip_interface((network.network_address + number + ipv6_only, network.prefixlen))
