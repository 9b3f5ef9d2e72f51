"""Just enough of a boot server for transports: plugins' web applications, sessions, and reports that are written down.

`python -m luna_core.testing.boot_server CONFIGURATION`, a JSON file that `luna_core.testing.delivery` writes.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cheroot import wsgi

from luna_core.node.job import derived_key
from luna_core.testing import facts
from luna_core.types import Node


def serve(configuration: dict[str, Any]) -> None:
    """Serve until killed."""
    keys = {derived_key(one["token"], "tracker"): _node(one, configuration) for one in configuration["nodes"]}
    tokens = {f"Bearer {one['token']}": one["name"] for one in configuration["nodes"]}
    reports = Path(configuration["reports"])

    def status(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        node = tokens.get(environ.get("HTTP_AUTHORIZATION", ""))
        if node is None:
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []
        report = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        with reports.open("a") as file:
            file.write(json.dumps({"node": node, "time_s": time.time(), **report}) + "\n")
        start_response("204 No Content", [])
        return []

    def mounted(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        return lambda environ, start_response: app(
            {**environ, "luna.session_node": lambda key, address: keys.get(key)}, start_response
        )

    apps = {f"/{prefix}": mounted(_load(target)) for prefix, target in configuration["apps"].items()}
    dispatcher = wsgi.PathInfoDispatcher({"/boot/status": status, **apps})  # type: ignore[no-untyped-call]
    wsgi.Server(("0.0.0.0", configuration["port"]), dispatcher, numthreads=20, request_queue_size=1024).start()  # noqa: S104


def _node(one: dict[str, str], configuration: dict[str, Any]) -> Node:
    controller = ip_address(configuration["controller"])
    cluster = replace(facts.cluster(configuration["settings"]), frontend_addresses=(controller,))
    return replace(facts.node(), name=one["name"], cluster=cluster, switch=one["switch"], rack=one["rack"])


def _load(target: str) -> Callable[..., Iterable[bytes]]:
    app: Callable[..., Iterable[bytes]] = EntryPoint(name="", value=target, group="").load()
    return app


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text()))
