"""The kernel's neighbour table: which MAC an address of the provisioning network has."""

import socket
import time
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

_HEADER = Struct("=IHHIIBxxxiHBB")  # nlmsghdr of netlink(7), then ndmsg of rtnetlink(7)
_ATTRIBUTE = Struct("=HH")
_FOUND, _ASK = 28, 30  # RTM_NEWNEIGH, RTM_GETNEIGH
_REQUEST = 1
_ADDRESS, _MAC = 1, 2  # NDA_DST, NDA_LLADDR
_NOT_RESOLVED = 0x40  # NUD_NOARP: loopback, multicast
_MAC_BYTES = 6


def neighbour_mac(address: str) -> str | None:
    """The MAC of a directly connected address, or None if it is behind a router or unknown (rtnetlink(7), Linux 5.0).

    Asked for this address alone: to read the whole table for each of five hundred nodes would hold them all up.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    wanted = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _ADDRESS) + packed
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        macs = {mac for device in _devices(int(time.monotonic())) if (mac := _mac(asking, family, device, wanted))}
    return macs.pop().hex(":") if len(macs) == 1 else None


@lru_cache(maxsize=1)
def _devices(_second: int) -> list[int]:
    """All interfaces, listed once a second: that takes as long as to ask for four neighbours."""
    return [device for device, _ in socket.if_nameindex()]


def _mac(asking: socket.socket, family: int, device: int, wanted: bytes) -> bytes | None:
    asking.send(_HEADER.pack(_HEADER.size + len(wanted), _ASK, _REQUEST, 0, 0, family, device, 0, 0, 0) + wanted)
    answer = asking.recv(4096)
    _, kind, *_, state, _, _ = _HEADER.unpack_from(answer)
    if kind != _FOUND or state & _NOT_RESOLVED:
        return None
    mac = dict(_attributes(answer[_HEADER.size :])).get(_MAC, b"")
    return mac if len(mac) == _MAC_BYTES else None


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(data)
        yield kind, data[_ATTRIBUTE.size : size]
        data = data[(size + 3) & ~3 :]
