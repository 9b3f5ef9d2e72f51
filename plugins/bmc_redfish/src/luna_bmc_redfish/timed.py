"""A socket of which every wait ends in time, also where the other side says one byte now and then."""

import io
import socket
from collections.abc import Callable
from typing import Any, Literal


class TimedSocket:
    """As much of a socket as http.client uses; `left_s` says how long each wait may be, and raises TimeoutError."""

    def __init__(self, connected: socket.socket, left_s: Callable[[], float]) -> None:
        self._socket = connected
        self._left_s = left_s
        self.heard = False

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self.heard = False
        self._socket.settimeout(self._left_s())
        self._socket.sendall(data)

    def makefile(self, mode: Literal["rb"]) -> io.BufferedReader:
        """What is received, as a file; the socket stays open until both are closed."""
        # http.client closes the socket before it has read the last answer; the file that it is asked for here keeps it.
        return io.BufferedReader(_TimedReader(self, self._socket.makefile(mode, buffering=0)))

    def close(self) -> None:
        """Close it, or have the last file close it."""
        self._socket.close()

    def read_into(self, raw: io.RawIOBase, buffer: Any) -> int | None:
        """Receive something."""
        # A timeout holds for one call, so it is set anew for each: a byte in time doesn't buy the time for another.
        self._socket.settimeout(self._left_s())
        count = raw.readinto(buffer)
        self.heard = self.heard or bool(count)
        return count


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: TimedSocket, raw: io.RawIOBase) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return self._timed.read_into(self._raw, buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
