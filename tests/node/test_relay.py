"""A node that hands kernel and initramfs on serves only what has the manifest's hashes."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from luna_core.image.pack import Source, pack
from luna_core.node.errors import DamagedShard
from luna_core.node.http import Connection, HttpError
from luna_core.node.relay import RelayServer, fetch
from luna_core.testing.subject import search_path

Version = tuple[str, Mapping[str, bytes]]


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """A manifest's SHA-256, and its boot files by path."""
    (tmp_path / "tree").mkdir()
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_bytes(name.encode() * 100_000)
    places = {"kernel": tmp_path / "kernel", "initramfs": tmp_path / "initramfs"}
    source = Source(image="compute", tree=tmp_path / "tree", distro="fake", kernel_release="6.1", **places)
    packed = pack(source, tmp_path / "images")
    names = ("manifest.json", "kernel", "initramfs")
    files = {f"/{packed.manifest_sha256}/{name}": (packed.directory / name).read_bytes() for name in names}
    return packed.manifest_sha256, files


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def relay_of(files: Mapping[str, bytes]) -> RelayServer:
    server = RelayServer()
    server.files = files
    return server


def test_both_files_come_from_the_first_source_that_has_them_whole(version: Version) -> None:
    sha256, files = version
    forged = {**files, f"/{sha256}/initramfs": files[f"/{sha256}/initramfs"][::-1]}
    with serving(relay_of(files)) as good, serving(relay_of({})) as empty, serving(relay_of(forged)) as forger:
        nobody = "http://127.0.0.1:1"
        assert fetch([f"{one}/{sha256}/" for one in (nobody, empty, forger, good)], sha256) == files
        with pytest.raises(DamagedShard, match=r"initramfs has SHA-256 \w+, not"):
            fetch([f"{empty}/{sha256}/", f"{forger}/{sha256}/"], sha256)


def test_a_relay_gives_what_it_has_and_nothing_else(version: Version) -> None:
    sha256, files = version
    with serving(relay_of(files)) as url:
        connection = Connection(url)
        for path, body in files.items():
            assert connection.get(path) == body
        for path in ("/", f"/{sha256}/", f"/{sha256}/../../etc/passwd", "/etc/passwd"):
            with pytest.raises(HttpError, match="404"):
                connection.get(path)
        connection.close()


class BootServer(ThreadingHTTPServer):
    """Tells whoever asks to relay a version from a source; what it is asked is in `asked`."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = said
        self.asked: Queue[Mapping[str, str]] = Queue()
        super().__init__(("127.0.0.1", 0), BootHandler)


class BootHandler(BaseHTTPRequestHandler):
    server: BootServer

    def do_GET(self) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        self.server.asked.put({**query, "token": self.headers.get("Authorization", "")})
        body = json.dumps({"pause_s": 60} if "version" in query else self.server.said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_the_program_fetches_what_it_is_told_and_says_where_it_serves_that(version: Version, tmp_path: Path) -> None:
    sha256, files = version
    (tmp_path / "session").write_text("s3cret\n")
    with serving(relay_of(files)) as source:
        boot_server = BootServer({"pause_s": 0, "version": sha256, "sources": [f"{source}/{sha256}/"]})
        with serving(boot_server) as url:
            command = [sys.executable, "-m", "luna_core.node.relay", url, tmp_path / "session"]
            with subprocess.Popen(command, env=search_path()) as program:
                try:
                    assert boot_server.asked.get(timeout=300) == {"port": "0", "token": "Bearer s3cret"}
                    ready = boot_server.asked.get(timeout=300)
                    assert ready["version"] == sha256
                    assert fetch([f"http://127.0.0.1:{ready['port']}/{sha256}/"], sha256) == files
                    assert Path(f"/proc/{program.pid}/oom_score_adj").read_text() == "1000\n"
                finally:
                    program.terminate()
