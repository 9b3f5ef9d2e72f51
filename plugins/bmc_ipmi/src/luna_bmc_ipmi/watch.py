"""How long a BMC may be silent, and whether its silence has a reason that the network tells."""

import select
import socket
import time
from collections.abc import Sequence

# An RMCP/ASF presence ping (IPMI 2.0, 13.2.3), which any BMC may get at any time.
PRESENCE_PING = bytes.fromhex("0600ff06000011be80000000")
# A BMC that is well has answered by then, so only the network's word on the silent ones is asked for.
UNPROBED_S = 0.4


class Lost(BaseException):
    """The BMC is not heard any more. Not an Exception, for pyghmi swallows those on their way."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.error = error


class Watch:
    """Ends the wait for a BMC after `timeout_s`, or sooner where the network says why nothing is heard from it.

    pyghmi's sockets aren't connected, so the kernel tells them nothing of ICMP errors; a connected one it tells.
    """

    def __init__(self, address: str, port: int, timeout_s: float) -> None:
        self.heard = False
        self.timeout_s = timeout_s
        self._began = time.monotonic()
        self._peer = (address, port)
        self._probe: socket.socket | None = None

    @property
    def left_s(self) -> float:
        """How long it may still take; 0 or less when it has been too long."""
        return self._began + self.timeout_s - time.monotonic()

    def renew(self) -> None:
        """Begin to count anew."""
        self._began = time.monotonic()

    def check(self) -> None:
        """Raises Lost if it has been too long."""
        if self.left_s <= 0:
            raise Lost

    def wait(self, sockets: Sequence[socket.socket], timeout_s: float) -> None:
        """Wait for something to read on `sockets`, `timeout_s` at most. Raises Lost."""
        self.check()
        if self._probe is None and not self.heard:
            timeout_s = min(timeout_s, UNPROBED_S)
            if time.monotonic() - self._began >= UNPROBED_S:
                self._send_probe()
        probes = [self._probe] if self._probe else []
        readable, _, _ = select.select([*sockets, *probes], (), (), max(0.0, min(timeout_s, self.left_s)))
        if self._probe in readable:
            self._ask_probe()

    def close(self) -> None:
        """Close what was opened."""
        if self._probe:
            self._probe.close()

    def _send_probe(self) -> None:
        family = socket.AF_INET6 if ":" in self._peer[0] else socket.AF_INET
        self._probe = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._probe.connect(self._peer)
            self._probe.send(PRESENCE_PING)
        except OSError as error:
            raise Lost(error) from error

    def _ask_probe(self) -> None:
        try:
            if self._probe:
                self._probe.recv(64)
        except OSError as error:
            raise Lost(error) from error
