"""Whether another machine uses this node's IPv4 address: `luna-python -m luna_core.node.conflict INTERFACE ADDRESS`.

It asks by ARP probes (RFC 5227), which disturb nobody. 0 if nobody answered, 1 with a sentence if somebody did.
"""

import socket
import struct
import sys
import time
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

_ARP: Final = 0x0806  # the EtherType
_HEADER: Final = struct.Struct(">HHBBH6s4s6s4s")  # RFC 826
_ETHERNET, _IPV4, _REQUEST, _REPLY = 1, 0x0800, 1, 2
_PROBES: Final = 3
_PAUSE_S: Final = 1.0


def other_users(interface: str, address: IPv4Address) -> set[str]:
    """The MACs of others that answer for the address within three seconds. Raises OSError."""
    found = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ARP)) as wire:
        wire.bind((interface, _ARP))
        own = wire.getsockname()[4]
        probe = _HEADER.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, own, bytes(4), bytes(6), address.packed)
        for _ in range(_PROBES):
            wire.send(b"\xff" * 6 + own + struct.pack(">H", _ARP) + probe)
            until_s = time.monotonic() + _PAUSE_S
            while (left_s := until_s - time.monotonic()) > 0:
                wire.settimeout(left_s)
                try:
                    frame = wire.recv(2048)
                except TimeoutError:
                    break
                *_, kind, sender, sender_address, _, _ = _HEADER.unpack_from(frame, 14)
                if kind == _REPLY and sender_address == address.packed and sender != own:
                    found.add(sender.hex(":"))
    return found


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    interface, text = arguments
    address = IPv4Address(text.partition("/")[0])
    try:
        others = other_users(interface, address)
    except OSError as error:
        print(f"Whether {address} is used by another machine can't be seen: {error}.")
        return 0
    if others:
        print(f"The address {address} is used by another machine too, whose MAC is {', '.join(sorted(others))}.")
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
