"""Hands what ipmi_sim wants of a chassis to the lab, and prints its answer; called with SOCKET, NODE and words."""

import socket
import sys

# ipmi_sim answers nobody while this runs.
PATIENCE_S = 15.0


def main() -> None:
    """Exit status 1 says that the chassis didn't do it."""
    path, *words = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as lab:
        lab.settimeout(PATIENCE_S)
        lab.connect(path)
        lab.sendall(" ".join(words).encode() + b"\n")
        answer = lab.makefile().read()
    status, _, said = answer.partition("\n")
    sys.stdout.write(said)
    sys.exit(status != "done")


if __name__ == "__main__":
    main()
