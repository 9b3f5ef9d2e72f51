"""Files in Python, where nginx is not installed: a process of its own, so that slow downloads hold up nothing else."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType

import bottle
from cheroot import wsgi

from luna_transport_http.process import drop_root

THREADS = 64


def application(root: Path) -> bottle.Bottle:
    """A WSGI application (PEP 3333) for the files below `root`: GET, HEAD and ranges (RFC 9110), no listings."""
    app = bottle.Bottle()

    @app.get("/<path:path>")  # type: ignore[untyped-decorator]
    def serve(path: str) -> bottle.HTTPResponse:
        if not is_public(root, path):
            return bottle.HTTPError(404, "There is no such file.")
        return bottle.static_file(path, root=str(root), mimetype="application/octet-stream")

    return app


def is_public(root: Path, path: str) -> bool:
    """Whether a path may be seen: below `root`, or below what a link there points to and of the same owner."""
    parts = Path(path).parts
    if any(part.startswith(".") for part in parts):
        return False
    place = root
    with suppress(OSError):
        for part in parts:
            place /= part
            if place.is_symlink() and place.lstat().st_uid != place.stat().st_uid:
                return False
        return place.is_file()
    return False


class QuietServer(wsgi.Server):
    """Says nothing of connections that clients reset, which firmware does all the time."""

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Drop cheroot's message."""


def serve(root: Path, port: int) -> None:
    """Serve until SIGTERM."""
    address = "::" if Path("/proc/net/if_inet6").exists() else "0.0.0.0"  # noqa: S104 - it serves the network
    server = QuietServer((address, port), application(root), numthreads=THREADS, request_queue_size=4096)

    def stop(number: int, frame: FrameType | None) -> None:
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    server.prepare()
    drop_root()
    server.serve()
