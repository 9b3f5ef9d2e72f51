"""Requests to one BMC: to no other machine, and again where it asked for that."""

import json
import time
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from luna_bmc_redfish.options import PORTS, Options
from luna_bmc_redfish.resources import Resource, record
from luna_bmc_redfish.sentences import messages, problem
from luna_bmc_redfish.wire import Response, Wire
from luna_core.errors import LunaError
from luna_core.types import BmcTarget

# One operation is several requests; luna ends a driver that takes six time-outs, and then there is no sentence.
TIMEOUTS_OF_AN_OPERATION = 5
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECTS_OF_ACTIONS = (307, 308)


class Requests:
    """Asks one BMC for the time of one operation: each request may take its time-out, all of them five."""

    def __init__(self, bmc: BmcTarget, options: Options) -> None:
        self._bmc = bmc
        self._options = options
        self._wire = Wire(bmc, options)
        self._until = time.monotonic() + TIMEOUTS_OF_AN_OPERATION * bmc.timeout_s
        self._host = f"[{bmc.address}]" if bmc.address.version == 6 else str(bmc.address)

    def ask(self, method: str, link: str, headers: Mapping[str, str], body: Resource | None = None) -> Response:
        """The answer, whatever its status, after redirects and the pauses that the BMC wants. Raises LunaError."""
        deadline = time.monotonic() + min(self._bmc.timeout_s, self.left_s())
        # Redirects and pauses are within the time-out, or a BMC could have luna wait by asking it to come back.
        path = self._path("/", link)
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._ask_when_ready(method, path, headers, body, deadline)
            if response.status not in (_REDIRECTS if method == "GET" else _REDIRECTS_OF_ACTIONS):
                return response
            path = self._path(path, response.headers.get("Location", ""))
        raise problem(self._bmc, "sends luna from one of its addresses to the next without an end")

    def left_s(self) -> float:
        """How many seconds are left for the operation. Raises LunaError if none are."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            took_s = TIMEOUTS_OF_AN_OPERATION * self._bmc.timeout_s
            raise problem(self._bmc, f"answers so slowly that this was not done after {took_s:g} s")
        return left_s

    def close(self) -> None:
        """End the connection."""
        self._wire.close()

    def _ask_when_ready(
        self, method: str, path: str, headers: Mapping[str, str], body: Resource | None, deadline: float
    ) -> Response:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        every = {"Accept": "application/json", "OData-Version": "4.0", **kind, **headers}
        while True:
            try:
                response = self._wire.ask(method, path, every, content, deadline)
            except LunaError:
                # Where the operation's end cut the request off, that is what is wrong.
                self.left_s()
                raise
            pause_s = _wanted_pause_s(response)
            if not pause_s or time.monotonic() + pause_s >= deadline:
                return response
            time.sleep(pause_s)

    def _path(self, base: str, link: str) -> str:
        """Where `link` leads. Another machine isn't asked, for it would be told the password."""
        try:
            parts = urlsplit(urljoin(f"{self._options.scheme}://{self._host}:{self._options.port}{base}", link))
            port = parts.port or PORTS.get(parts.scheme)
        except ValueError:
            raise problem(self._bmc, f"gives an address that is none: {link[:200]!r}") from None
        if (parts.scheme, parts.hostname, port) != (self._options.scheme, str(self._bmc.address), self._options.port):
            raise problem(self._bmc, f"sends luna to {parts.scheme}://{parts.netloc}, which won't be told the password")
        return parts.path + (f"?{parts.query}" if parts.query else "")


def document(response: Response) -> Resource:
    """The JSON object in an answer; empty if it is anything else."""
    try:
        return record({"": json.loads(response.body)}, "")
    except (ValueError, RecursionError):
        return {}


def _wanted_pause_s(response: Response) -> float:
    """How long a BMC that does nothing now (503) wants to be left alone; 0 if it says nothing of that."""
    if response.status != 503:
        return 0.0
    given = response.headers.get("Retry-After", "")
    for one in () if given else messages(document(response)):
        arguments = one.get("MessageArgs")
        if str(one.get("MessageId")).endswith(".ServiceTemporarilyUnavailable") and isinstance(arguments, list):
            given = "".join(str(argument) for argument in arguments[:1])
    # The header's other form, a date, is by the BMC's clock, and many have never been set.
    return max(1.0, float(given)) if given.isascii() and given.isdecimal() else 0.0
