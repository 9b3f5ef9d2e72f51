"""The kernel's neighbour table: which MAC an address of the provisioning network has."""

import json
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.run import run

ARP_TABLE = Path("/proc/net/arp")
COMPLETE = 0x2


def neighbour_mac(address: str) -> str | None:
    """The MAC of a directly connected address, or None if it is behind a router or unknown (arp(7))."""
    return _ipv6(address) if ":" in address else _ipv4(address)


def _ipv4(address: str) -> str | None:
    """Read from /proc, for a process for each of five hundred requests would hold them all up."""
    try:
        lines = ARP_TABLE.read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        entry, _, flags, mac, *_ = line.split()
        if entry == address and int(flags, 16) & COMPLETE:
            return mac.lower()
    return None


def _ipv6(address: str) -> str | None:
    try:
        entries = json.loads(run(["ip", "-json", "-6", "neighbour", "show", address], timeout_s=5) or "[]")
    except (LunaError, ValueError):
        return None
    macs = {entry["lladdr"].lower() for entry in entries if "lladdr" in entry}
    return macs.pop() if len(macs) == 1 else None
