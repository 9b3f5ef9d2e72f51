"""BRIDGE-MIB of the Linux bridge `switch` for snmpd's pass_persist (snmpd.conf(5)); run by snmpd, not by pytest."""

import bisect
import json
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path

BRIDGE = (1, 3, 6, 1, 2, 1, 17)
Row = tuple[str, str]


@lru_cache(maxsize=1)
def rows(half_seconds: int) -> dict[tuple[int, ...], Row]:
    """Every row of the tables, by its OID; a walk asks for each, and a process for each takes longer than it waits."""
    text = subprocess.run(["bridge", "-j", "fdb", "show", "br", "switch"], capture_output=True, check=True).stdout
    found: dict[tuple[int, ...], Row] = {}
    ports = {}
    for path in Path("/sys/class/net").glob("*/brport/port_no"):
        name = path.parent.parent.name
        ports[name] = int(path.read_text(), 16)
        index = (path.parent.parent / "ifindex").read_text().strip()
        found[(*BRIDGE, 1, 4, 1, 2, ports[name])] = "integer", index
    for one in json.loads(text):
        octets = bytes.fromhex(one["mac"].replace(":", ""))
        if one["ifname"] in ports and "vlan" not in one and not octets[0] & 1:
            found[(*BRIDGE, 4, 3, 1, 2, *octets)] = "integer", str(ports[one["ifname"]])
            status = "4" if one.get("state") == "permanent" else "3"
            found[(*BRIDGE, 4, 3, 1, 3, *octets)] = "integer", status
    return found


def answer(command: str, oid: tuple[int, ...]) -> str:
    """What snmpd wants to hear."""
    table = rows(int(time.monotonic() * 2))
    if command == "getnext":
        names = sorted(table)
        place = bisect.bisect_right(names, oid)
        oid = names[place] if place < len(names) else ()
    if oid not in table:
        return "NONE"
    return "\n".join((f".{'.'.join(map(str, oid))}", *table[oid]))


for line in sys.stdin:
    command = line.strip()
    if command == "PING":
        print("PONG", flush=True)
    elif command:
        numbers = sys.stdin.readline().strip().strip(".")
        print(answer(command, tuple(int(one) for one in numbers.split("."))), flush=True)
