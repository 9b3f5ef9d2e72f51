"""A DHCP client as iPXE is one (RFC 2131), just long enough to be given an address and the URL of a script."""

import fcntl
import secrets
import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv4Address

INTERFACE = "eth0"
_CLIENT_PORT, _SERVER_PORT = 68, 67
_IPV4 = 0x0800
_COOKIE = b"\x63\x82\x53\x63"
_DISCOVER, _OFFER, _REQUEST, _ACK = 1, 2, 3, 5
_MASK, _ADDRESS, _TYPE, _SERVER, _WANTED, _BOOT_FILE = 1, 50, 53, 54, 55, 67
# iPXE's user class (77), the architecture of a BIOS (93) and an empty set of iPXE's own options (175).
_IPXE = b"\x4d\x04iPXE" + b"\x5d\x02\x00\x00" + b"\xaf\x03\xb0\x01\x01"
_SET_ADDRESS, _SET_MASK = 0x8916, 0x891C  # netdevice(7)
_TRIES_S = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What the server gave."""

    address: IPv4Address
    mask: IPv4Address
    url: str


def lease(mac: str) -> Lease:
    """Ask on `eth0` of the calling thread's network. Raises TimeoutError after some 50 s without an answer."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire,
        # Answers come to an address that the kernel doesn't have yet. To ask for broadcasts instead, as iPXE doesn't
        # either, would give each of N nodes the answers of all.
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4)) as ear,
    ):
        ear.bind((INTERFACE, _IPV4))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
        wire.bind(("0.0.0.0", _CLIENT_PORT))  # noqa: S104 - there is no address yet
        number = secrets.randbits(32)
        offer = _ask(wire, ear, _message(number, mac, _DISCOVER, b""), _OFFER)
        server = offer[1][_SERVER]
        wanted = bytes([_ADDRESS, 4, *offer[0].packed, _SERVER, 4]) + server
        address, options = _ask(wire, ear, _message(number, mac, _REQUEST, wanted), _ACK)
    return Lease(
        address=address, mask=IPv4Address(options[_MASK]), url=options.get(_BOOT_FILE, b"").rstrip(b"\0").decode()
    )


def configure(given: Lease) -> None:
    """Give `eth0` of the calling thread's network its address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, value in ((_SET_ADDRESS, given.address), (_SET_MASK, given.mask)):
            address = struct.pack("<HH4s8x", socket.AF_INET, 0, value.packed)
            fcntl.ioctl(any_socket, request, struct.pack("16s16s", INTERFACE.encode(), address))


Answer = tuple[IPv4Address, dict[int, bytes]]


def _ask(wire: socket.socket, ear: socket.socket, message: bytes, expected: int) -> Answer:
    """Send until the server answers as `expected`; returns address and options."""
    for wait_s in _TRIES_S:
        wire.sendto(message, ("255.255.255.255", _SERVER_PORT))
        until_s = time.monotonic() + wait_s
        while (left_s := until_s - time.monotonic()) > 0:
            ear.settimeout(left_s)
            try:
                packet = ear.recv(2048)
            except TimeoutError:
                break
            # Behind the headers of IPv4, whose length is in it, and of UDP; the number is bytes 4 to 7.
            answer = packet[(packet[0] & 15) * 4 + 8 :]
            if answer[:1] == b"\x02" and answer[4:8] == message[4:8]:
                options = _options(answer[240:])
                if options.get(_TYPE) == bytes([expected]):
                    return IPv4Address(answer[16:20]), options
    raise TimeoutError("the DHCP server did not answer")


def _message(number: int, mac: str, kind: int, more: bytes) -> bytes:
    hardware = bytes.fromhex(mac.replace(":", ""))
    head = struct.pack("!BBBBIHH16x16s192x", 1, 1, 6, 0, number, 0, 0, hardware)
    wanted = bytes([_WANTED, 5, _MASK, 3, 6, 15, _BOOT_FILE])
    return head + _COOKIE + bytes([_TYPE, 1, kind]) + more + wanted + _IPXE + b"\xff"


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and data[place] != 255:
        if data[place] == 0:
            place += 1
            continue
        length = data[place + 1]
        found[data[place]] = data[place + 2 : place + 2 + length]
        place += 2 + length
    return found
