"""`luna-python -m luna_core.node.relay URL SESSION`: hands the node's kernel and initramfs on while others wait.

iPXE keeps nothing of what it booted, so a node that is to be a relay fetches both files again: from another relay where
there is one. It serves only what has the manifest's SHA-256. It ends with SIGTERM, or with the node's installation.
"""

import hashlib
import json
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from luna_core.node.errors import DamagedShard, UnpackError
from luna_core.node.http import Connection, HttpError
from luna_core.node.manifest import MANIFEST_NAME, BootFile, parse_manifest

_PAUSE_S: Final = 10.0
_IDLE_S: Final = 30.0
Tell = Callable[[str], object]


def _nobody(text: str) -> None:
    """Who listens where nobody is told."""


class RelayServer(ThreadingHTTPServer):
    """Serves `files`, bytes by path, on a free port of every address; `tell` is told what whom was given."""

    daemon_threads = True
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def __init__(self, tell: Tell = _nobody) -> None:
        self.files: Mapping[str, bytes] = {}
        self.tell = tell
        super().__init__(("", 0), _Handler)

    def server_bind(self) -> None:
        """Listen for both families on one socket; no name is looked up, as HTTPServer would."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """A node that goes away in the middle is nothing to tell of."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    server: RelayServer

    def do_GET(self) -> None:
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(body)
        self.server.tell(f"{self.path.rpartition('/')[2]} given to {self.client_address[0].removeprefix('::ffff:')}")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def relay(url: str, token: str, stopped: Event, tell: Tell = _nobody) -> None:
    """Ask the boot server at `url` again and again what to do, and do it, until `stopped` is set."""
    server = RelayServer(tell)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        _relay(server, url, {"Authorization": f"Bearer {token}"}, stopped)
    finally:
        server.shutdown()
        server.server_close()


def _relay(server: RelayServer, url: str, headers: Mapping[str, str], stopped: Event) -> None:
    version = ""
    pause_s = 0.0
    while not stopped.wait(pause_s):
        # A connection of its own each time: the boot server has more nodes than threads.
        connection = Connection(f"{url}/boot/")
        pause_s = _PAUSE_S
        try:
            port = server.server_address[1] if version else 0
            said: Mapping[str, Any] = json.loads(
                connection.get(f"relay?port={port}&version={version}", headers=headers)
            )
            pause_s = float(said["pause_s"])
            if said.get("sources"):
                server.files = fetch(said["sources"], said["version"])
                version = said["version"]
        except (HttpError, UnpackError, ValueError) as error:
            server.tell(str(error))
        finally:
            connection.close()


def fetch(sources: Sequence[str], version: str) -> Mapping[str, bytes]:
    """The manifest with this SHA-256 and its kernel and initramfs, by path, from the first source that has them.

    Raises HttpError or UnpackError of the last source if none has.
    """
    for source in sources[:-1]:
        with suppress(HttpError, UnpackError):
            return _fetch(source, version)
    return _fetch(sources[-1], version)


def _fetch(source: str, version: str) -> Mapping[str, bytes]:
    connection = Connection(source)
    try:
        manifest = connection.get(MANIFEST_NAME)
        files = {f"/{version}/{MANIFEST_NAME}": manifest}
        parsed = parse_manifest(manifest, version)
        for file in (parsed.kernel, parsed.initramfs):
            files[f"/{version}/{file.name}"] = _verified(file, connection.get(file.name, size_bytes=file.size_bytes))
        return files
    finally:
        connection.close()


def _verified(file: BootFile, body: bytes) -> bytes:
    found = hashlib.sha256(body).hexdigest()
    if found != file.sha256:
        raise DamagedShard(f"{file.name} has SHA-256 {found}, not {file.sha256}.")
    return body


def main(arguments: Sequence[str]) -> None:
    """Relay until ended. Where memory runs out, this is what the kernel is to end first (proc(5), oom_score_adj)."""
    Path("/proc/self/oom_score_adj").write_text("1000")
    relay(arguments[0].rstrip("/"), Path(arguments[1]).read_text().strip(), Event(), partial(print, flush=True))


if __name__ == "__main__":
    main(sys.argv[1:])
