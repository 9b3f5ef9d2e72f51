"""Whether another machine uses this node's address: `luna-python -m luna_core.node.conflict INTERFACE ADDRESS`.

It asks by ARP probes (RFC 5227) or by neighbour solicitations from no address (RFC 4862), which disturb nobody: who has
an address answers them. The kernel's own detection, which the node leaves off, would take an IPv6 address away.
0 if nobody answered, 1 with a sentence if somebody did.
"""

import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

_ARP: Final = 0x0806  # EtherTypes
_IPV6: Final = 0x86DD
_ETHERNET: Final = struct.Struct(">6s6sH")
_ARP_HEADER: Final = struct.Struct(">HHBBH6s4s6s4s")  # RFC 826
_IPV6_HEADER: Final = struct.Struct(">IHBB16s16s")  # RFC 8200
_NEIGHBOUR: Final = struct.Struct(">BBHI16s")  # RFC 4861 4.3 and 4.4, which begin alike
_ARP_ETHERNET, _ARP_IPV4, _REQUEST, _REPLY = 1, 0x0800, 1, 2
_ICMPV6, _SOLICITATION, _ADVERTISEMENT, _HOPS = 58, 135, 136, 255
_PROBES: Final = 3
_PAUSE_S: Final = 1.0


def other_users(interface: str, address: IPv4Address | IPv6Address) -> set[str]:
    """The MACs of others that answer for the address within three seconds. Raises OSError."""
    if isinstance(address, IPv4Address):
        return _ask(interface, _ARP, lambda own: _arp_probe(own, address), lambda frame: _says_arp(frame, address))
    return _ask(interface, _IPV6, lambda own: _solicitation(own, address), lambda frame: _advertises(frame, address))


def _ask(
    interface: str, protocol: int, probe: Callable[[bytes], bytes], is_answer: Callable[[bytes], bool]
) -> set[str]:
    found = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol)) as wire:
        wire.bind((interface, protocol))
        own = wire.getsockname()[4]
        for _ in range(_PROBES):
            wire.send(probe(own))
            until_s = time.monotonic() + _PAUSE_S
            while (left_s := until_s - time.monotonic()) > 0:
                wire.settimeout(left_s)
                try:
                    frame = wire.recv(2048)
                except TimeoutError:
                    break
                _, sender, _ = _ETHERNET.unpack_from(frame)
                if sender != own and is_answer(frame):
                    found.add(sender.hex(":"))
    return found


def _arp_probe(own: bytes, address: IPv4Address) -> bytes:
    probe = _ARP_HEADER.pack(_ARP_ETHERNET, _ARP_IPV4, 6, 4, _REQUEST, own, bytes(4), bytes(6), address.packed)
    return _ETHERNET.pack(b"\xff" * 6, own, _ARP) + probe


def _says_arp(frame: bytes, address: IPv4Address) -> bool:
    *_, kind, _, sender, _, _ = _ARP_HEADER.unpack_from(frame, _ETHERNET.size)
    return (kind, sender) == (_REPLY, address.packed)


def _solicitation(own: bytes, address: IPv6Address) -> bytes:
    # Who has an address listens to the group of its last three bytes (RFC 4291).
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:]
    to = bytes(16) + group
    question = _NEIGHBOUR.pack(_SOLICITATION, 0, 0, 0, address.packed)
    summed = to + struct.pack(">II", len(question), _ICMPV6) + question
    question = _NEIGHBOUR.pack(_SOLICITATION, 0, _checksum(summed), 0, address.packed)
    header = _IPV6_HEADER.pack(6 << 28, len(question), _ICMPV6, _HOPS, bytes(16), group)
    return _ETHERNET.pack(b"\x33\x33" + group[12:], own, _IPV6) + header + question


def _advertises(frame: bytes, address: IPv6Address) -> bool:
    if len(frame) < _ETHERNET.size + _IPV6_HEADER.size + _NEIGHBOUR.size:
        return False
    _, _, protocol, *_ = _IPV6_HEADER.unpack_from(frame, _ETHERNET.size)
    kind, *_, target = _NEIGHBOUR.unpack_from(frame, _ETHERNET.size + _IPV6_HEADER.size)
    return (protocol, kind, target) == (_ICMPV6, _ADVERTISEMENT, address.packed)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    interface, text = arguments
    address = ip_address(text.partition("/")[0])
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
