"""A session of pyghmi's, in the calling thread alone, and minding which cipher suite the BMC chose.

pyghmi reads its sockets in a thread of its own and loses wake-ups between that and the caller's: of commands to a BMC
that answers at once, many take 0.5 to 1 s too long. It also takes it for granted that the BMC grants the algorithms it
asked for, and fails on a BMC that counters with others (its own does). The figures are in docs/decisions/0016.
"""

import socket
from typing import Any, ClassVar

from pyghmi.ipmi.private import constants
from pyghmi.ipmi.private import session as pyghmi_session

from luna_bmc_ipmi.watch import Watch

# pyghmi's names for the hashes of cipher suites 17 and 3, and their numbers in IPMI 2.0, table 13-17.
_HASHES = {17: 256, 3: 1}
_HMAC_SHA256 = 3
_AUTHENTICATION_ALGORITHM = 16
_NO_MATCH = 0x11


class Session(pyghmi_session.Session):  # type: ignore[misc]
    """A session that asks for cipher suite 17 and takes 3 if the BMC has no better."""

    suites: ClassVar[tuple[int, ...]] = (17, 3)
    watch: ClassVar[Watch | None] = None
    # The time-out is that of the whole login, then of each command with all its repetitions: pyghmi begins a login
    # anew for ever as long as the BMC answers its first steps.
    within_command = True

    def raw_command(self, *arguments: Any, **named: Any) -> Any:
        """As pyghmi's, with the time-out counted from now."""
        if self.within_command or self.watch is None:
            return super().raw_command(*arguments, **named)
        self.within_command = True
        self.watch.renew()
        try:
            return super().raw_command(*arguments, **named)
        finally:
            self.within_command = False

    def _initsession(self) -> None:
        super()._initsession()
        self.attemptedhash = _HASHES[self.suites[0]]

    def _got_rmcp_response(self, data: bytearray) -> Any:
        if data[0] == self.rmcptag and self.attemptedhash == _HASHES[17]:
            countered = data[1] == 0 and data[_AUTHENTICATION_ALGORITHM] != _HMAC_SHA256
            if 3 not in self.suites and (countered or data[1]):
                self.onlogon({"error": constants.rmcp_codes[_NO_MATCH]})
                return None
            if countered:
                self.attemptedhash = _HASHES[3]
                self._open_rmcpplus_request()
                return None
        return super()._got_rmcp_response(data)


class _Suite17(Session):
    suites = (17,)


class _Suite3(Session):
    suites = (3,)


SESSIONS: dict[tuple[int, ...], type[Session]] = {one.suites: one for one in (Session, _Suite17, _Suite3)}


def sockets() -> list[socket.socket]:
    """Where answers arrive."""
    return list(pyghmi_session.iosockets)


def _wait(timeout_s: float, address: object = None, events: object = None) -> None:
    if Session.watch is None:
        raise RuntimeError("pyghmi waits for a BMC that luna didn't ask it to talk to")
    Session.watch.wait(pyghmi_session.iosockets, timeout_s)
    senders = pyghmi_session._io_graball(pyghmi_session.iosockets, {})
    # What the last BMC still had to say is no word from this one.
    if any(sender in Session.bmc_handlers for sender in senders):
        Session.watch.heard = True


pyghmi_session._io_wait = _wait
pyghmi_session.iothread = "none: see the docstring of this module"
pyghmi_session.iothreadready = True
