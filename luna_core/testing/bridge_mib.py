"""BRIDGE-MIB (RFC 4188) of a Linux bridge for snmpd's pass_persist (snmpd.conf(5)); its argument is the bridge."""

import bisect
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BRIDGE = (1, 3, 6, 1, 2, 1, 17)
LEARNED, SELF = "3", "4"
KEPT_S = 0.5
Oid = tuple[int, ...]
Rows = dict[Oid, tuple[str, str]]


def ports(bridge: Path) -> Iterator[tuple[int, str]]:
    """Number and ifIndex of each port."""
    for port in bridge.glob("brif/*"):
        yield int((port / "port_no").read_text(), 16), (port / "../ifindex").read_text().strip()


def forwarding(bridge: Path) -> Iterator[tuple[bytes, int, str]]:
    """MAC, port and status of each entry, from the kernel's own table (struct __fdb_entry of linux/if_bridge.h)."""
    table = (bridge / "brforward").read_bytes()
    for entry in (table[start : start + 16] for start in range(0, len(table), 16)):
        yield entry[:6], entry[6] | entry[12] << 8, SELF if entry[7] else LEARNED


def rows(bridge: Path) -> Rows:
    """Every row that there is, by its OID."""
    numbers = dict(ports(bridge))
    address = bytes.fromhex((bridge / "address").read_text().strip().replace(":", ""))
    found: Rows = {
        (*BRIDGE, 1, 1, 0): ("octet", address.hex(" ")),
        (*BRIDGE, 1, 2, 0): ("integer", str(len(numbers))),
    }
    for port, index in numbers.items():
        found[(*BRIDGE, 1, 4, 1, 1, port)] = ("integer", str(port))
        found[(*BRIDGE, 1, 4, 1, 2, port)] = ("integer", index)
    for mac, port, status in forwarding(bridge):
        found[(*BRIDGE, 4, 3, 1, 1, *mac)] = ("octet", mac.hex(" "))
        found[(*BRIDGE, 4, 3, 1, 2, *mac)] = ("integer", str(port))
        found[(*BRIDGE, 4, 3, 1, 3, *mac)] = ("integer", status)
    return found


class Agent:
    """Answers from a table that is read anew when it is too old; a walk asks for each row by itself."""

    def __init__(self, bridge: str) -> None:
        self._bridge = Path("/sys/class/net", bridge)
        self._until_s = 0.0
        self._rows: Rows = {}
        self._names: list[Oid] = []

    def answer(self, command: str, oid: Oid) -> str:
        """What snmpd wants to hear."""
        if time.monotonic() > self._until_s:
            self._rows = rows(self._bridge)
            self._names = sorted(self._rows)
            self._until_s = time.monotonic() + KEPT_S
        if command == "getnext":
            place = bisect.bisect_right(self._names, oid)
            oid = self._names[place] if place < len(self._names) else ()
        if oid not in self._rows:
            return "NONE"
        return "\n".join((f".{'.'.join(map(str, oid))}", *self._rows[oid]))


def main() -> None:
    """Until snmpd ends."""
    agent = Agent(sys.argv[1])
    for line in sys.stdin:
        command = line.strip()
        if command == "PING":
            print("PONG", flush=True)
        elif command:
            numbers = sys.stdin.readline().strip().strip(".")
            print(agent.answer(command, tuple(int(one) for one in numbers.split("."))), flush=True)


if __name__ == "__main__":
    main()
