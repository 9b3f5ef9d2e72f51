"""Tells the service manager how it goes (sd_notify(3))."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send a state as in READY=1 or STOPPING=1 to the socket in NOTIFY_SOCKET; without one nothing is done."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ stands for the abstract namespace's zero byte.
    name = f"\0{address[1:]}" if address.startswith("@") else address
    # A manager that no longer listens is no reason to stop what runs.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection, suppress(OSError):
        connection.connect(name)
        connection.sendall(state.encode())
