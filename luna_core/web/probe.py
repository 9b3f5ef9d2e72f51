"""Finds out when an installed node's own system is up: luna has left it, so it can only be asked from outside."""

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from luna_core.model.boot import BootSession
from luna_core.web.boot import BootService

INTERVAL_S = 2.0
TIMEOUT_S = 5.0
SSH = 22
RESCUE = b"luna-rescue"
MOST_BANNER_BYTES = 255  # RFC 4253, section 4.2
AT_ONCE = 32
log = logging.getLogger("luna.web")


class Probe:
    """A thread that connects to the nodes that are about to come up."""

    def __init__(self, service: BootService) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while not self._stop.wait(INTERVAL_S):
                try:
                    if port := self._service.up_port():
                        list(pool.map(lambda session: self._ask(session, port), self._service.installed()))
                except Exception:
                    # The store may be away for a while; the next round asks again.
                    log.exception("can't look for nodes that came up")

    def _ask(self, session: BootSession, port: int) -> None:
        if answers(session.address, port):
            self._service.is_up(session)


def answers(address: str, port: int) -> bool:
    """Whether the node's own system answers: the rescue system, which ends within moments, says that it is one."""
    try:
        with socket.create_connection((address, port), TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            if port != SSH:
                return True
            banner = connection.recv(MOST_BANNER_BYTES)
            return banner.startswith(b"SSH-") and RESCUE not in banner
    except OSError:
        return False
