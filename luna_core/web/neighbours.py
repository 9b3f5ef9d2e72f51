"""The kernel's neighbour table: which MAC an address of the provisioning network has."""

import json
import socket
from fcntl import ioctl
from struct import Struct

from luna_core.errors import LunaError
from luna_core.run import run

SIOCGARP = 0x8954  # this and the next are of arp(7): the protocol address, the hardware address, flags, mask, device
_REQUEST = Struct("=HH4s8x H14s I16x16s")
_COMPLETE = 0x2
_ETHERNET = 1


def neighbour_mac(address: str) -> str | None:
    """The MAC of a directly connected address, or None if it is behind a router or unknown (arp(7))."""
    return _ipv6(address) if ":" in address else _ipv4(address)


def _ipv4(address: str) -> str | None:
    """Asked for this address alone: to read the whole table for each of five hundred nodes would hold them all up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, device in socket.if_nameindex():
            request = _REQUEST.pack(socket.AF_INET, 0, socket.inet_aton(address), 0, b"", 0, device.encode())
            try:
                *_, kind, mac, flags, _ = _REQUEST.unpack(ioctl(asking, SIOCGARP, request))
            except OSError:  # it knows none there
                continue
            if kind == _ETHERNET and flags & _COMPLETE:
                return bytes(mac[:6]).hex(":")
    return None


def _ipv6(address: str) -> str | None:
    try:
        entries = json.loads(run(["ip", "-json", "-6", "neighbour", "show", address], timeout_s=5) or "[]")
    except (LunaError, ValueError):
        return None
    macs = {entry["lladdr"].lower() for entry in entries if "lladdr" in entry}
    return macs.pop() if len(macs) == 1 else None
