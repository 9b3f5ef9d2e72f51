"""How lweb treats the connections of many nodes."""

import threading
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from luna_core.web.server import listener

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
