"""A switch with machines on it: network namespaces on a bridge, links as slow as asked. Needs root and iproute2."""

import os
from ipaddress import IPv4Address
from types import TracebackType

from luna_core.errors import CommandFailed
from luna_core.run import run

CONTROLLER = 0
_QUEUE_BYTES = 512 << 10


class Switch:
    """Machine 0 is the controller, 1 to `nodes` are nodes; None of their traffic leaves this computer.

    A rate in Mbit/s holds for each direction of a link; None leaves it as fast as it is. With `racks` the nodes are on
    as many further switches, each with an uplink to the switch that the controller is on.
    """

    def __init__(
        self,
        nodes: int,
        *,
        node_mbit: float | None = None,
        controller_mbit: float | None = None,
        racks: int = 0,
        uplink_mbit: float | None = None,
    ) -> None:
        self.machines = range(nodes + 1)
        self.racks = range(1, racks + 1)
        self._uplink_mbit = uplink_mbit
        self._bridge = f"luna{os.getpid()}sw"
        self._rates = {one: node_mbit if one else controller_mbit for one in self.machines}

    def __enter__(self) -> "Switch":
        try:
            for name in (self._bridge, *(self.namespace(one) for one in self.machines)):
                run(["ip", "netns", "add", name])
                run(["ip", "-n", name, "link", "set", "lo", "up"])
            run(["ip", "-n", self._bridge, "link", "add", "switch", "type", "bridge"])
            run(["ip", "-n", self._bridge, "link", "set", "switch", "up"])
            for rack in self.racks:
                self._add_rack(rack)
            for one in self.machines:
                self._plug_in(one)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def namespace(self, machine: int) -> str:
        """The name of a machine's network namespace."""
        return f"luna{os.getpid()}m{machine}"

    def address(self, machine: int) -> IPv4Address:
        """A machine's address."""
        return IPv4Address("10.77.0.1") + machine

    def inside(self, machine: int) -> list[str]:
        """What to put before a command so that it runs on a machine; the process is the command's own."""
        return ["ip", "netns", "exec", self.namespace(machine)]

    def sent_bytes(self, machine: int) -> int:
        """What a machine put on the wire, headers included."""
        return self._sent_bytes(self.namespace(machine), "eth0")

    def rack(self, machine: int) -> int:
        """The rack of a node, from 1 on and in turns; 0 for the controller, and where there are no racks."""
        return 1 + (machine - 1) % len(self.racks) if machine and self.racks else 0

    def uplink_bytes(self, rack: int) -> tuple[int, int]:
        """What a rack's uplink carried into the rack and out of it, headers included."""
        return self._sent_bytes(self._bridge, f"down{rack}"), self._sent_bytes(self._bridge, f"up{rack}")

    def shape(self, machine: int, mbit: float) -> None:
        """Give a machine's link another rate, in each direction."""
        for name, link in ((self.namespace(machine), "eth0"), (self._bridge, f"port{machine}")):
            self._shape(name, link, mbit)

    def unplug(self, machine: int) -> None:
        """Take a machine off the switch at once: what it had open is not closed, but silent."""
        run(["ip", "-n", self._bridge, "link", "set", f"port{machine}", "down"])

    def narrow(self, machine: int, mtu: int) -> None:
        """Let the switch drop larger frames from and to a machine, which is told nothing, as by a wrong MTU between."""
        run(["ip", "-n", self._bridge, "link", "set", f"port{machine}", "mtu", str(mtu)])
        # Else the kernel hands on several frames in one, whose size nobody checks.
        for one in self.machines:
            run(["ip", "-n", self.namespace(one), "link", "set", "eth0", "gso_max_segs", "1"])

    def _add_rack(self, rack: int) -> None:
        bridge, up, down = f"rack{rack}", f"up{rack}", f"down{rack}"
        run(["ip", "-n", self._bridge, "link", "add", bridge, "type", "bridge"])
        run(["ip", "-n", self._bridge, "link", "add", up, "type", "veth", "peer", "name", down])
        for link, master in ((up, bridge), (down, "switch")):
            run(["ip", "-n", self._bridge, "link", "set", link, "master", master, "up"])
            if self._uplink_mbit:
                self._shape(self._bridge, link, self._uplink_mbit)
        run(["ip", "-n", self._bridge, "link", "set", bridge, "up"])

    def _plug_in(self, machine: int) -> None:
        own, port, rack = self.namespace(machine), f"port{machine}", self.rack(machine)
        run(["ip", "-n", own, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self._bridge])
        run(["ip", "-n", own, "address", "add", f"{self.address(machine)}/16", "broadcast", "+", "dev", "eth0"])
        run(["ip", "-n", own, "link", "set", "eth0", "up"])
        run(["ip", "-n", self._bridge, "link", "set", port, "master", f"rack{rack}" if rack else "switch", "up"])
        if rate := self._rates[machine]:
            self.shape(machine, rate)

    def _shape(self, namespace: str, link: str, mbit: float) -> None:
        burst = max(128 << 10, int(mbit * 1e6 / 8 * 0.002))
        shape = ["tbf", "rate", f"{mbit}mbit", "burst", str(burst), "limit", str(_QUEUE_BYTES + burst)]
        run(["tc", "-n", namespace, "qdisc", "replace", "dev", link, "root", *shape])

    def _sent_bytes(self, namespace: str, link: str) -> int:
        path = f"/sys/class/net/{link}/statistics/tx_bytes"
        return int(run(["ip", "netns", "exec", namespace, "cat", path]))

    def _remove(self) -> None:
        for name in (self._bridge, *(self.namespace(one) for one in self.machines)):
            try:
                run(["ip", "netns", "delete", name])
            except CommandFailed:
                continue  # it was never made
