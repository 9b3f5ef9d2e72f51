"""A peer that says it has everything, and gives `garbage` or `nothing`: BEP 3, BEP 6 and BEP 52 by hand.

`odd_peer.py WHAT ANNOUNCE_URL INFO_HASH` listens as a node does, announces itself, and says what it does.
"""

import socket
import struct
import sys
import threading
from contextlib import suppress
from urllib.parse import quote_from_bytes
from urllib.request import urlopen

PORT = 6881
UNCHOKE, REQUEST, PIECE, HAVE_ALL, HASH_REQUEST, HASH_REJECT = 1, 6, 7, 14, 21, 23
# The fast extension, and version 2 of the protocol.
RESERVED = bytes(7) + bytes([0x04 | 0x10])
PEER_ID = b"-XX0000-odd-one-here"


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        received = connection.recv(size - len(data))
        if not received:
            raise ConnectionError
        data += received
    return data


def say(connection: socket.socket, kind: int, payload: bytes = b"") -> None:
    connection.sendall(struct.pack(">IB", 1 + len(payload), kind) + payload)


def talk(connection: socket.socket, what: str, info_hash: bytes) -> None:
    read(connection, 68)
    connection.sendall(b"\x13BitTorrent protocol" + RESERVED + info_hash + PEER_ID)
    say(connection, HAVE_ALL)
    say(connection, UNCHOKE)
    # Until it is hung up on.
    with suppress(OSError):
        answer(connection, what)


def answer(connection: socket.socket, what: str) -> None:
    while True:
        message = read(connection, struct.unpack(">I", read(connection, 4))[0])
        if message[:1] == bytes([HASH_REQUEST]):
            say(connection, HASH_REJECT, message[1:])
        elif message[:1] == bytes([REQUEST]):
            piece, begin, size = struct.unpack(">III", message[1:])
            print(f"piece {piece} at {begin}: {what}", flush=True)
            if what == "garbage":
                say(connection, PIECE, struct.pack(">II", piece, begin) + bytes(size))


def main(what: str, announce_url: str, info_hash: bytes) -> None:
    listener = socket.create_server(("", PORT))
    hashes = f"info_hash={quote_from_bytes(info_hash)}&peer_id={quote_from_bytes(PEER_ID)}"
    urlopen(f"{announce_url}?{hashes}&port={PORT}&uploaded=0&downloaded=0&left=0&compact=1").read()
    print("announced", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=talk, args=(connection, what, info_hash), daemon=True).start()


main(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))
