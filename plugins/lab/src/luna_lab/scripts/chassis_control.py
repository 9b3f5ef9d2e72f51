"""Hands what a BMC wants of a chassis to the lab, and prints its answer; called with SOCKET, NODE and words."""

import socket
import sys
from collections.abc import Sequence

# ipmi_sim answers nobody while this runs.
PATIENCE_S = 15.0


def ask(path: str, words: Sequence[str]) -> str | None:
    """The lab's answer; None if the chassis didn't do it. Raises OSError if there is no lab any more."""
    with socket.socket(socket.AF_UNIX) as lab:
        lab.settimeout(PATIENCE_S)
        lab.connect(path)
        lab.sendall(" ".join(words).encode() + b"\n")
        answer = lab.makefile().read()
    status, _, said = answer.partition("\n")
    return said if status == "done" else None


def main() -> None:
    """Exit status 1 says that the chassis didn't do it."""
    path, *words = sys.argv[1:]
    said = ask(path, words)
    sys.stdout.write(said or "")
    sys.exit(said is None)


if __name__ == "__main__":
    main()
