"""Relays: nodes in the installer that hand kernel and initramfs on. docs/decisions/0022 says what that trusts."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock

# When a relay renews its word, and how long that word is good.
RENEW_S = 5
GOOD_S = 20.0
# When a node that relays nothing asks again: while others wait, and while none do.
ASK_S = 2
IDLE_S = 10


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A node that serves the boot files of a version (a manifest's SHA-256) below `url`."""

    node: str
    name: str
    version: str
    url: str


class Relays:
    """Who relays what now. Safe to use from many threads; after a restart relays are known within RENEW_S."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[Relay, float]] = {}

    def offer(self, relay: Relay) -> None:
        """This relay is ready, or still is."""
        with self._lock:
            self._known[relay.node] = (relay, self._clock())

    def withdraw(self, node: str) -> None:
        """The node leaves the installer, or boots anew."""
        with self._lock:
            self._known.pop(node, None)

    def of(self, version: str, asker: str) -> dict[str, Relay]:
        """The relays of a version, by URL, at addresses of the asker's family: it may have no other."""
        is_v6 = isinstance(ip_address(asker), IPv6Address)
        with self._lock:
            since_s = self._clock() - GOOD_S
            self._known = {node: (one, said_s) for node, (one, said_s) in self._known.items() if said_s > since_s}
            known = [one for one, _ in self._known.values() if one.version == version]
            return {one.url: one for one in known if ("://[" in one.url) == is_v6}


def relay_url(address: str, port: int, version: str) -> str:
    """Where a relay serves a version's boot files, with a slash at its end."""
    host = f"[{address}]" if isinstance(ip_address(address), IPv6Address) else address
    return f"http://{host}:{port}/{version}/"
