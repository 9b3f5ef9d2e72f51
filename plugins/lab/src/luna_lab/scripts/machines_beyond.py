"""Machines on another switch, as this one sees them: broadcasts of theirs, sent on the interface in the argument."""

import socket
import sys
import time

MACHINES = 12
# Switches forget a MAC that they haven't heard for 300 s (RFC 4188, dot1dTpAgingTime).
EVERY_S = 60.0
LOCAL_EXPERIMENTAL = bytes.fromhex("88b5")  # an EtherType that nobody listens to (IEEE 802)


def main() -> None:
    """Until it is ended."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((sys.argv[1], 0))
        while True:
            for number in range(1, MACHINES + 1):
                mac = bytes.fromhex(f"02006c7562{number:02x}")
                link.send(b"\xff" * 6 + mac + LOCAL_EXPERIMENTAL + bytes(46))
            time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
