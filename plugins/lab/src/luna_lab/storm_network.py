"""The network of a storm: switches in the lab's namespace, and nodes that have namespaces without a name."""

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.run import run
from luna_lab.namespace import BRIDGE, Namespace

_NEW_NETWORK = 0x40000000
_NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default")
_NEIGHBOURS_OF_A_NODE = 128
# By default a bridge has the lowest MAC of its ports: a node that ends would take the controller's address with it, and
# nobody would reach the controller until the neighbour entries of all nodes have expired, a minute later.
_CONTROLLER_MAC = "52:54:00:72:00:00"


def mac_of(number: int) -> str:
    """The MAC of a node; numbers count from 1."""
    return f"52:54:00:73:{number >> 8:02x}:{number & 255:02x}"


def port_of(number: int) -> str:
    """The switch's interface that a node is plugged into."""
    return f"port{number}"


def own_network() -> None:
    """Give the calling thread an empty network that ends with it and those it starts (unshare(2)). Needs root."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
        raise LunaError(f"can't make a network namespace: {os.strerror(ctypes.get_errno())}")


def without_ipv6(switch: Path = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")) -> None:
    """Leave the calling thread's network IPv4 alone, on a kernel that has anything else."""
    with suppress(FileNotFoundError):
        switch.write_text("1")


def shape(rate_mbit: float | None) -> list[str]:
    """The words for tc(8) that hold what leaves an interface to a rate; none for None."""
    if not rate_mbit:
        return []
    # A small burst, or short files would pass as if there were no limit. A second's queue, for what holds up nobody at
    # the rate of a real link must not be dropped at a fiftieth of it.
    a_second = int(rate_mbit * 1e6 / 8)
    burst = max(16 << 10, a_second // 100)
    return ["tbf", "rate", f"{rate_mbit}mbit", "burst", str(burst), "limit", str(burst + max(256 << 10, a_second))]


def make_racks(namespace: Namespace, racks: int, uplink_mbit: float | None) -> None:
    """A switch for each rack below the lab's own, each by an uplink that is held to a rate in both directions."""
    links = [f"link set {BRIDGE} address {_CONTROLLER_MAC} type bridge mcast_snooping 0"]
    for rack in range(racks):
        links += [
            f"link add rack{rack} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            # Else the kernel would answer here for the controller, and nothing would take the uplink.
            f"link set rack{rack} arp off up",
            f"link add down{rack} type veth peer name up{rack}",
            f"link set down{rack} master {BRIDGE} up",
            _quiet(f"down{rack}"),
            f"link set up{rack} master rack{rack} up",
        ]
    run(namespace.command("ip", "-batch", "-"), stdin="\n".join(links))
    _hold(namespace, [name for rack in range(racks) for name in (f"down{rack}", f"up{rack}")], uplink_mbit)


def plug_in(namespace: Namespace, numbers: Sequence[int], racks: int, mbit: float | None) -> None:
    """Connect the nodes' cables, whose other ends the nodes have made, to the switches."""
    lines = []
    for one in numbers:
        switch = f"rack{one % racks}" if racks else BRIDGE
        lines += [f"link set {port_of(one)} master {switch} up", _quiet(port_of(one))]
    run(namespace.command("ip", "-batch", "-"), stdin="\n".join(lines))
    _hold(namespace, [port_of(one) for one in numbers], mbit)


def _quiet(port: str) -> str:
    """For ip(8): no node's broadcast leaves by this port, and the switch answers ARP for who is behind it.

    Else N nodes with P peers each would cost N * N * P frames on links that are slow and processors that are shared.
    """
    return f"link set {port} type bridge_slave bcast_flood off proxy_arp_wifi on"


def hold_controller(namespace: Namespace, mbit: float | None) -> None:
    """Hold what the controller sends to a rate."""
    _hold(namespace, [BRIDGE], mbit)


def sent_bytes(namespace: Namespace, interface: str = BRIDGE) -> int:
    """What has left by an interface of the switches; by default what the controller has sent."""
    return int(run(namespace.command("cat", f"/sys/class/net/{interface}/statistics/tx_bytes")))


def make_room_for_neighbours(nodes: int) -> None:
    """Raise the limit of the neighbour tables of all namespaces together (arp(7)); it stays so until a reboot."""
    for path in _NEIGHBOURS.glob("gc_thresh*"):
        path.write_text(str(max(int(path.read_text()), nodes * _NEIGHBOURS_OF_A_NODE)))


def _hold(namespace: Namespace, interfaces: Sequence[str], mbit: float | None) -> None:
    if words := " ".join(shape(mbit)):
        lines = [f"qdisc replace dev {name} root {words}" for name in interfaces]
        run(namespace.command("tc", "-batch", "-"), stdin="\n".join(lines))
