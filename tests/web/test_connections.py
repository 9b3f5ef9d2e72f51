"""How lweb treats the connections of many nodes."""

import errno
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from luna_core.web.server import THREADS, everywhere, listener

NODES = 64


@pytest.fixture
def port() -> Iterator[int]:
    """That of lweb's server, with an application that answers in one word."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "4")])
        return [b"luna"]

    server = listener("127.0.0.1", 0, application)
    # On a busy machine a round may last longer than a connection is kept.
    server.timeout = 600
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server.bind_addr[1]
    server.stop()
    thread.join()


def test_many_nodes_ask_again_by_the_connections_that_they_have(port: int) -> None:
    nodes = [HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(NODES)]
    for _ in range(2):
        for node in nodes:
            node.request("GET", "/")
            answer = node.getresponse()
            assert (answer.read(), answer.will_close) == (b"luna", False)
    for node in nodes:
        node.close()


def test_whoever_connects_and_says_nothing_keeps_nobody_waiting(port: int) -> None:
    # Each of them would have a thread until the server's time-out, which is ten minutes here.
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * THREADS)]
    node = HTTPConnection("127.0.0.1", port, timeout=60)
    node.request("GET", "/")
    assert node.getresponse().read() == b"luna"
    for connection in (node, *silent):
        connection.close()


# A process of its own, which has few files.
FEW_FILES = """
import resource, sys, threading
from luna_core.web.server import listener
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"luna"]
server = listener("127.0.0.1", 0, application)
server.keep_alive_conn_limit = 10
server.error_log = lambda *words, **more: None
server.prepare()
threading.Thread(target=server.serve, daemon=True).start()
print(server.bind_addr[1], flush=True)
sys.stdin.read()
server.stop()
"""


def test_it_answers_again_once_more_have_gone_than_it_has_files_for() -> None:
    command = [sys.executable, "-c", FEW_FILES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = ("127.0.0.1", int(process.stdout.readline() if process.stdout else ""))
            for silent in [socket.create_connection(address) for _ in range(200)]:
                silent.close()
            node = HTTPConnection(*address, timeout=60)
            node.request("GET", "/")
            assert node.getresponse().read() == b"luna"
            node.close()
        finally:
            process.kill()


class _SocketWithoutIPv6(socket.socket):
    """As of a kernel that was started with ipv6.disable=1."""

    def __init__(self, family: int = -1, *others: Any, **named: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        super().__init__(family, *others, **named)


def test_without_ipv6_lweb_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", _SocketWithoutIPv6)
    server = listener(everywhere(), 0, lambda environ, start_response: [b""])
    server.prepare()
    with socket.create_connection(("127.0.0.1", server.bind_addr[1]), timeout=60):
        pass
    server.stop()
