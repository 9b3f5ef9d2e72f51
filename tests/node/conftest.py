import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import shake_128
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from luna_core.image.pack import Packed, Source, pack
from luna_core.node import fetch as fetching
from luna_core.node.fetcher import Fetcher
from luna_core.node.job import Endpoint, Job


class Server(ThreadingHTTPServer):
    """Serves a version's files and takes reports; `altered` says what it serves otherwise, `broken` whether at all."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.directory = directory
        self.asked: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.altered: dict[str, bytes] = {}
        self.broken: Callable[[str], bool] = lambda name: False
        self.raw: bytes | None = None
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def endpoint(self, rank: int = 50) -> Endpoint:
        return Endpoint(transport="http", url=self.url, rank=rank)

    def shards_asked(self) -> list[str]:
        return [name for name in self.asked if name.startswith("shards/")]


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.asked.append(name)
        if self.server.raw is not None and name.startswith("shards/"):
            self.wfile.write(self.server.raw)
            self.close_connection = True
        elif self.server.broken(name):
            self.close_connection = True
        else:
            body = self.server.altered.get(name) or (self.server.directory / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.reports.append({"authorization": self.headers["Authorization"], **body})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    token: str
    body: bytes


class BootServer(ThreadingHTTPServer):
    """Answers each request with the bytes that `say` has for it, and closes; what it is asked is in `asked`."""

    daemon_threads = True

    def __init__(self, say: Callable[[Asked], bytes], port: int = 0) -> None:
        self.say = say
        self.asked: Queue[Asked] = Queue()
        super().__init__(("127.0.0.1", port), BootHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class BootHandler(BaseHTTPRequestHandler):
    server: BootServer

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization", "")
        asked = Asked(method=self.command, path=self.path, token=token, body=body)
        answer = self.server.say(asked)
        self.server.asked.put(asked)
        self.wfile.write(answer)

    do_HEAD = do_GET
    do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def boot_server() -> Iterator[Callable[..., BootServer]]:
    """Call it with what it says to get a boot server, on a port if one is given."""
    with ExitStack() as stack:

        def start(say: Callable[[Asked], bytes], port: int = 0) -> BootServer:
            server = stack.enter_context(BootServer(say, port))
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds follow each other at once, so that giving up takes no minutes."""
    monkeypatch.setattr(fetching, "PAUSES_S", (0.0, 0.01, 0.01))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for number in range(40):
        file = tree / f"usr/lib/{number % 5}/file{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(shake_128(b"%d" % number).digest(1000 + 1500 * number))
    (tree / "bin").symlink_to("usr/bin")
    return tree


@pytest.fixture
def version(tree: Path, tmp_path: Path) -> Packed:
    """A version of some thirty shards."""
    boot = tmp_path / "kernel"
    boot.write_text("kernel")
    source = Source(image="compute", tree=tree, distro="fake", kernel_release="6.1", kernel=boot, initramfs=boot)
    return pack(source, tmp_path / "images", level=1, shard_bytes=20_000)


@pytest.fixture
def serve(version: Packed) -> Iterator[Callable[[], Server]]:
    """Call it to get another server of the version."""
    with ExitStack() as stack:

        def start() -> Server:
            server = stack.enter_context(Server(version.directory))
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start


@pytest.fixture
def server(serve: Callable[[], Server]) -> Server:
    return serve()


@pytest.fixture
def make_job(version: Packed, server: Server, tmp_path: Path) -> Callable[..., Job]:
    """Call it with endpoints to get a job; `server` takes its reports."""
    root, token = tmp_path / "root", tmp_path / "token"
    root.mkdir()
    token.write_text("the-token\n")

    def make(*endpoints: Endpoint, **changes: Any) -> Job:
        facts = {
            "node": "node001",
            "report_url": f"{server.url}boot/status",
            "token_file": token,
            "manifest_sha256": version.manifest_sha256,
            "root": root,
            "work_directory": tmp_path / "work",
            "endpoints": endpoints,
        }
        return Job(**{**facts, **changes})

    return make


@pytest.fixture
def add_fetcher(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, type[Fetcher]], None]:
    """Call it with a transport's name and its fetcher, as an initramfs would bring it."""

    def add(transport: str, fetcher: type[Fetcher]) -> None:
        module = ModuleType(f"luna_fetchers.{transport}")
        module.Fetcher = fetcher  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "luna_fetchers", ModuleType("luna_fetchers"))
        monkeypatch.setitem(sys.modules, f"luna_fetchers.{transport}", module)

    return add
