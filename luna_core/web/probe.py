"""Finds out when an installed node's own system is up: luna has left it, so it can only be asked from outside."""

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from luna_core.model.boot import BootSession
from luna_core.web.boot import BootService

INTERVAL_S = 2.0
CONNECT_TIMEOUT_S = 2.0
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
        try:
            socket.create_connection((session.address, port), CONNECT_TIMEOUT_S).close()
        except OSError:
            return
        self._service.is_up(session)
