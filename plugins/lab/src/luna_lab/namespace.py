"""A network namespace with a bridge and taps in it (ip-netns(8)): nothing in it reaches the machine's own network."""

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from luna_core.errors import CommandFailed, LunaError
from luna_core.run import run

BRIDGE = "br0"
_CLONE_NEWNET = 0x40000000
_GONE_WITHIN_S = 10.0
_FILTERS = ("arptables", "iptables", "ip6tables")


class Namespace:
    """A named network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self, addresses: Sequence[str], taps: int, link_mbit: int | None, uplink_mbit: int | None) -> None:
        """Make it with `br0`, which holds `addresses` (with prefix lengths), and `tap1` to `tapN` on the bridge.

        What arrives at each node is held to `link_mbit`, what leaves the controller to `uplink_mbit`, where given.
        """
        run(["ip", "netns", "add", self.name])
        # Where the machine filters what it bridges (as Docker asks for), every frame would go through that, too.
        run(self.command("sysctl", "--quiet", "--ignore", *(f"net.bridge.bridge-nf-call-{one}=0" for one in _FILTERS)))
        run(self.command("ip", "-batch", "-"), stdin="\n".join(_links(addresses, taps)))
        rates = {BRIDGE: uplink_mbit} | {f"tap{number}": link_mbit for number in range(1, taps + 1)}
        if limits := [_limit(name, rate * 1_000_000) for name, rate in rates.items() if rate]:
            run(self.command("tc", "-batch", "-"), stdin="\n".join(limits))

    def hold_uplink(self, rate_bits_s: int) -> None:
        """Hold what leaves the controller to this rate from now on."""
        run(self.command("tc", "-batch", "-"), stdin=_limit(BRIDGE, rate_bits_s))

    def command(self, *words: str | Path) -> list[str | Path]:
        """The command line that runs `words` in the namespace; the process that is started becomes that program."""
        return ["ip", "netns", "exec", self.name, *words]

    def spawn(self, *words: str | Path, stdout: int, pass_fds: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
        """Start a program in the namespace that ends when the calling *thread* does, however that ends.

        It has the file descriptors in `pass_fds` under the same numbers.
        """
        # setpriv(1), not preexec_fn, which is unsafe in a program with threads.
        command = ["setpriv", "--pdeathsig", "KILL", *self.command(*words)]
        return subprocess.Popen(  # noqa: S603 - a list, so no shell reads it
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.STDOUT, pass_fds=pass_fds
        )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Move the calling thread in, as setns(2) does: sockets that it opens belong to the namespace for good."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        target = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(target)
            yield
        finally:
            _enter(own)
            os.close(target)
            os.close(own)

    def delete(self) -> None:
        """Kill every process in it, and remove it; harmless if it doesn't exist."""
        if not Path("/run/netns", self.name).exists():
            return
        # Somebody else may be removing it as well.
        with suppress(CommandFailed):
            _kill([int(pid) for pid in run(["ip", "netns", "pids", self.name]).split()])
            run(["ip", "netns", "delete", self.name])


def _links(addresses: Sequence[str], taps: int) -> Iterator[str]:
    yield "link set lo up"
    yield f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0"
    for address in addresses:
        yield f"address add {address} dev {BRIDGE}" + (" nodad" if ":" in address else "")
    yield f"link set {BRIDGE} up"
    for number in range(1, taps + 1):
        yield f"tuntap add dev tap{number} mode tap"
        yield f"link set tap{number} master {BRIDGE}"
        yield f"link set tap{number} up"


def _limit(name: str, rate_bits_s: int) -> str:
    # tc-tbf(8): the burst must hold what passes between two timer interrupts, 4 ms at HZ=250.
    burst_bytes = max(65536, rate_bits_s // 8 // 100)
    return f"qdisc replace dev {name} root tbf rate {rate_bits_s}bit burst {burst_bytes} latency 50ms"


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
        raise LunaError(f"can't enter the lab's network namespace: {os.strerror(ctypes.get_errno())}")


def _kill(pids: Sequence[int]) -> None:
    until_s = time.monotonic() + _GONE_WITHIN_S
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], max(0.0, until_s - time.monotonic()))
            finally:
                os.close(handle)
