"""`lweb`: the boot server as a process."""

import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click
from cheroot import wsgi
from cheroot.errors import FatalSSLAlert
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter

from luna_core.boot.scripts import load_templates
from luna_core.errors import LunaError
from luna_core.operations import connect
from luna_core.run import allow_most_files
from luna_core.settings import MachineSettings
from luna_core.tls import certificates
from luna_core.web.app import WsgiApplication, make_app
from luna_core.web.boot import BootService
from luna_core.web.probe import Probe

THREADS = 40
WAITING_CONNECTIONS = 4096
# A node that asks again needs no new connection, which takes as long as a short answer. Cheroot keeps ten by itself,
# each for ten seconds; one takes some 20 kB.
KEPT_CONNECTIONS = 512


def everywhere() -> str:
    """What is every address of both families; of IPv4, where the kernel has no IPv6 (ipv6.disable=1)."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - it serves the network


@click.command()
@click.option("--address", default=everywhere, help="Address to listen on; every one of both families if not given.")
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port; the setting http.port if not given.")
@click.option("--https-port", type=click.IntRange(0, 65535), help="The setting https.port if not given; 0 for none.")
def serve(address: str, port: int | None, https_port: int | None) -> None:
    """Answer booting machines until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # One thread at a time can compute, and one that is woken on another processor costs more than it computes
    # (docs/decisions/0029-the-boot-server-stays-on-one-processor.md).
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    allow_most_files()
    with connect(who="lweb") as luna:
        values = luna.cluster_settings()
        load_templates()
        service = BootService(luna)
        probe = Probe(service)
        app = make_app(service, Path(str(values["tftp.directory"])))
        secure = int(str(values["https.port"])) if https_port is None else https_port
        plain = listener(address, port or int(str(values["http.port"])), without_sessions(app) if secure else app)
        try:
            _run([plain, with_tls(listener(address, secure, app), luna.settings)] if secure else [plain])
        finally:
            probe.close()
            service.commits.close()


def without_sessions(app: WsgiApplication) -> WsgiApplication:
    """The same application for HTTP beside HTTPS: whoever sends a session's token is refused, so that no node does."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_AUTHORIZATION" not in environ:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Sessions are served by HTTPS only, on the port of the setting https.port.\n"]

    return application


class _Server(wsgi.Server):
    """Gives a connection to a thread when something came by it; with cheroot's the silent hold every thread.

    No more of them than connections are kept: where accept(2) fails for want of files, cheroot no longer looks who has
    been silent for too long, nor who went away.
    """

    def process_conn(self, conn: HTTPConnection) -> None:
        if conn.last_used is None and self.can_add_keepalive_connection:
            self.put_conn(conn)
        else:
            super().process_conn(conn)


def listener(address: str, port: int, app: WsgiApplication) -> wsgi.Server:
    """A server for HTTP that isn't started yet; port 0 is any that is free."""
    server = _Server(
        (address, port), app, numthreads=THREADS, request_queue_size=WAITING_CONNECTIONS, server_name="luna"
    )
    server.keep_alive_conn_limit = KEPT_CONNECTIONS
    return server


class _TlsAdapter(BuiltinSSLAdapter):
    """Leaves the handshake to the connection's own thread: in cheroot's, who is silent would hold up everybody."""

    def wrap(self, sock: ssl.SSLSocket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:  # who is gone already is no failure of the server, as cheroot would take it
            raise FatalSSLAlert(*error.args) from error
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _TlsConnection(HTTPConnection):
    def communicate(self) -> bool:
        try:
            self.socket.do_handshake()
        except OSError as error:  # as ssl.SSLError is
            self.server.error_log(f"No TLS with {self.remote_addr}: {error}")
            return False
        return bool(super().communicate())  # type: ignore[no-untyped-call]


def with_tls(server: wsgi.Server, settings: MachineSettings) -> wsgi.Server:
    """The same server for HTTPS. Raises LunaError without a certificate."""
    where = certificates(settings)
    server.ConnectionClass = _TlsConnection
    try:
        server.ssl_adapter = _TlsAdapter(str(where.server), str(where.server_key))
    except (OSError, ssl.SSLError) as error:
        sentence = f"setting https.port: {where.server} can't be used: {error}; 'luna tls init' makes it."
        raise LunaError(sentence) from error
    return server


def _run(servers: Sequence[wsgi.Server]) -> None:
    """Serve with all of them until SIGTERM, or until one can't."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        for server in servers:
            _prepare(server)
        for server in servers[1:]:
            threading.Thread(target=server.serve, daemon=True).start()
        servers[0].serve()
    except KeyboardInterrupt:
        pass
    finally:
        for server in servers:
            server.stop()


def _prepare(server: wsgi.Server) -> None:
    try:
        server.prepare()
    except OSError as error:
        host, port = server.bind_addr[:2]
        raise LunaError(f"The boot server can't listen on {host} port {port}: {error}.") from error


def main() -> None:
    """Run the command; exit status 1 and a sentence if it can't."""
    try:
        serve()
    except LunaError as error:
        sys.exit(f"lweb: {error}")
