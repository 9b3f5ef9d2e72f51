"""HTTP/1.1 over connections that are kept open (RFC 9112): all that a node asks of the controller goes this way."""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final, NamedTuple
from urllib.parse import urlsplit

AUTHORITY: Final = "/usr/lib/luna/ca.pem"
"""The certificate authority that the boot server's certificate must be of."""

_BLOCK: Final = 256 << 10


class HttpError(Exception):
    """The server didn't give what was asked for; the text is a sentence that names the URL."""


class Answer(NamedTuple):
    """What the server said, whatever it is; `date` is empty where it has none."""

    status: int
    date: str
    body: bytes


class Connection:
    """Requests relative to `base_url`, one at a time; it is opened when needed, and again when the server closed it.

    Only the server that the certificate authority vouches for is asked, unless it is not `verified`.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 10.0, verified: bool = True) -> None:
        self.base_url = base_url
        self._base = urlsplit(base_url)
        self._timeout_s = timeout_s
        self._verified = verified
        self._http: HTTPConnection | None = None

    def get(
        self,
        path: str,
        *,
        size_bytes: int | None = None,
        offset: int | None = None,
        limit_bytes: int = 256 << 20,
        headers: Mapping[str, str] | None = None,
        received: Callable[[int], object] = lambda size_bytes: None,
    ) -> bytes:
        """The body of a file, `size_bytes` long if that is known; `received` is told the length of each block.

        With `offset` it is these bytes of the file from there on (RFC 9110 section 14). Raises HttpError for another
        status or size than expected, more than `limit_bytes`, or a broken connection.
        """
        part = {} if offset is None else {"Range": f"bytes={offset}-{offset + (size_bytes or 0) - 1}"}
        response = self._request("GET", path, None, {**(headers or {}), **part})
        try:
            if response.status != (206 if part else 200):
                raise HttpError(f"{self.base_url}{path}: status {response.status} {response.reason}.")
            expected = size_bytes if size_bytes is not None else response.length
            if expected is None or expected > limit_bytes or response.length != expected:
                raise HttpError(f"{self.base_url}{path} has {response.length} bytes, not {expected}.")
            body = bytearray()
            while block := response.read(_BLOCK):
                body += block
                received(len(block))
        except (OSError, HTTPException) as error:
            raise HttpError(f"{self.base_url}{path}: {error!r}.") from error
        finally:
            # What was not read to its end would be taken for the next response.
            if not response.isclosed():
                self.close()
        if len(body) != expected:
            raise HttpError(f"{self.base_url}{path} ended after {len(body)} of {expected} bytes.")
        return bytes(body)

    def post(self, path: str, document: Mapping[str, object], headers: Mapping[str, str]) -> None:
        """Send a document as JSON over a connection of its own. Raises HttpError unless the answer is 2xx."""
        body = json.dumps(document).encode()
        answer = self.ask("POST", path, body, {"Content-Type": "application/json", **headers})
        self.close()
        if not 200 <= answer.status < 300:
            raise HttpError(f"{self.base_url}{path}: status {answer.status}.")

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to a request, of any status; redirects are not followed. Raises HttpError if it isn't whole."""
        response = self._request(method, path, body, headers or {})
        try:
            # Without a size, for only then a body that ends early is an error.
            content = response.read()
        except (OSError, HTTPException) as error:
            self.close()
            raise HttpError(f"{self.base_url}{path}: {error!r}.") from error
        return Answer(status=response.status, date=response.headers.get("Date", ""), body=content)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._http:
            self._http.close()
        self._http = None

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> HTTPResponse:
        was_open = self._http is not None
        try:
            return self._send(method, path, body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            if not was_open:
                raise HttpError(f"{self.base_url}{path}: {error!r}.") from error
        # A server may close an idle connection at any time, so the first failure on a kept one says nothing.
        try:
            return self._send(method, path, body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            raise HttpError(f"{self.base_url}{path}: {error!r}.") from error

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> HTTPResponse:
        if self._http is None:
            self._http = self._open()
        self._http.request(method, f"{self._base.path}{path}", body=body, headers=dict(headers))
        return self._http.getresponse()

    def _open(self) -> HTTPConnection:
        host = self._base.hostname or ""
        # http.client would look for a port that is not given at the end of an IPv6 address.
        if self._base.scheme != "https":
            return HTTPConnection(host, self._base.port or 80, timeout=self._timeout_s)
        try:
            import ssl
            from http.client import HTTPSConnection

            context = ssl.create_default_context(cafile=AUTHORITY)
        except (ImportError, OSError) as error:
            raise HttpError(f"{self.base_url}: this image was packed before 'luna tls init': {error}.") from error
        if not self._verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return HTTPSConnection(host, self._base.port or 443, timeout=self._timeout_s, context=context)
