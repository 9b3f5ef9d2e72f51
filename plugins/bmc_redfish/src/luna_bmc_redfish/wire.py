"""HTTP/1.1 to one BMC, of which every exchange ends in time."""

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage

from luna_bmc_redfish.options import Options
from luna_bmc_redfish.sentences import problem
from luna_bmc_redfish.timed import TimedSocket
from luna_bmc_redfish.tls import context_for, secured, untrusted
from luna_core.types import BmcTarget

LARGEST_BODY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer, whole."""

    status: int
    headers: HTTPMessage
    body: bytes


class Wire:
    """A connection that is kept open between exchanges. It follows no redirect and retries nothing that acts."""

    def __init__(self, bmc: BmcTarget, options: Options) -> None:
        self._bmc = bmc
        self._http = _Http(bmc, options)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, deadline: float) -> Response:
        """Send a request and read all of its answer until `deadline` (of time.monotonic). Raises LunaError."""
        self._http.deadline = deadline
        while True:
            reused = self._http.sock is not None
            try:
                return self._exchange(method, path, headers, body)
            except (ConnectionResetError, BrokenPipeError) as error:
                self.close()
                # A BMC may end a connection that was idle just when the next request comes.
                if not reused or method != "GET":
                    raise problem(self._bmc, "ended the connection without an answer") from error
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        try:
            self._http.request(method, path, body, headers)
            answer = self._http.getresponse()
            content = answer.read(LARGEST_BODY_BYTES + 1)
        except TimeoutError as error:
            what = "began to answer, but was not done" if self._http.heard() else "did not answer"
            raise problem(self._bmc, f"{what} within {self._bmc.timeout_s:g} s") from error
        except (ConnectionResetError, BrokenPipeError):
            raise
        except OSError as error:
            raise problem(self._bmc, f"broke the connection off: {error.strerror or error}") from error
        except (HTTPException, ValueError) as error:
            raise problem(self._bmc, f"does not speak HTTP as it should: {type(error).__name__}") from error
        if len(content) > LARGEST_BODY_BYTES:
            raise problem(self._bmc, f"gives more than {LARGEST_BODY_BYTES >> 20} MiB as one answer")
        # Of an answer that is read up to a limit, http.client doesn't say that its end is missing.
        if answer.length:
            raise problem(self._bmc, "ended the connection in the middle of an answer")
        return Response(status=answer.status, headers=answer.headers, body=content)


class _Http(HTTPConnection):
    def __init__(self, bmc: BmcTarget, options: Options) -> None:
        super().__init__(str(bmc.address), options.port)
        self._bmc = bmc
        self._options = options
        self._context = context_for(bmc, options) if options.scheme == "https" else None
        self.deadline = 0.0
        self._timed: TimedSocket | None = None

    def connect(self) -> None:
        self._timed = None
        plain = self._tcp()
        if self._context is None:
            self._use(plain)
            return
        try:
            self._use(secured(self._bmc, self._options, self._context, plain))
        except ssl.SSLCertVerificationError as error:
            # OpenSSL keeps no certificate of a handshake that failed, so another connection is asked for it.
            raise untrusted(self._bmc, error.verify_message, self._tcp()) from error

    def heard(self) -> bool:
        """Whether the BMC has said anything in the exchange that is under way."""
        return self._timed is not None and self._timed.heard

    def _use(self, connected: socket.socket) -> None:
        self.sock = self._timed = TimedSocket(connected, self._left_s)

    def _left_s(self) -> float:
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _tcp(self) -> socket.socket:
        port = self._options.port
        try:
            return socket.create_connection((self.host, port), timeout=self._left_s())
        except TimeoutError:
            raise
        except ConnectionRefusedError as error:
            raise problem(self._bmc, f"does not listen on TCP port {port}: it speaks no Redfish there") from error
        except OSError as error:
            raise problem(self._bmc, f"can't be reached: {error.strerror or error}") from error
