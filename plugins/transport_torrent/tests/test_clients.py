"""The tracker on cheroot, asked by clients that nobody here wrote: aria2, and libtorrent as it is out of the box."""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import libtorrent
import pytest
from cheroot import wsgi

from luna_core.testing import facts
from luna_core.testing.delivery import wait_until
from luna_transport_torrent.tracker import SESSION_NODE, Tracker

CONTENT = hashlib.sha256(b"").digest() * 40_000


@pytest.fixture
def torrents(tmp_path: Path) -> Iterator[list[Path]]:
    """A version 1 torrent of one file, which aria2 understands too, with the announce URLs of two nodes."""
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed/file").write_bytes(CONTENT)
    files = [libtorrent.create_file_entry("file", len(CONTENT))]
    torrent = libtorrent.create_torrent(files, 32 << 10, libtorrent.create_torrent.v1_only)
    torrent.set_priv(True)
    libtorrent.set_piece_hashes(torrent, str(tmp_path / "seed"))
    document: Any = torrent.generate()
    known = frozenset({hashlib.sha1(libtorrent.bencode(document[b"info"])).digest()})  # noqa: S324 - BEP 3 says so
    tracker = Tracker(lambda: known)
    nodes = {key: replace(facts.node(), name=key) for key in ("one", "two")}

    def application(environ: Any, start_response: Any) -> Any:
        return tracker({**environ, SESSION_NODE: lambda key, address: nodes.get(key)}, start_response)

    server = wsgi.Server(("127.0.0.1", 0), wsgi.PathInfoDispatcher({"/announce": application}))
    server.prepare()
    thread = Thread(target=server.serve)
    thread.start()
    paths = []
    for key in nodes:
        url = f"http://127.0.0.1:{server.bind_addr[1]}/announce/{key}/announce"
        paths.append(tmp_path / f"{key}.torrent")
        paths[-1].write_bytes(libtorrent.bencode({**document, b"announce": url.encode()}))
    yield paths
    server.stop()
    thread.join()


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def aria2(processes: ExitStack, torrent: Path, directory: Path) -> "subprocess.Popen[bytes]":
    options = [
        "--no-conf", "--quiet", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false",
        "--bt-seed-unverified=true", "--seed-ratio=0", f"--dir={directory}",
        # It takes one that is free; 0 is none to it.
        "--listen-port=17000-17999",
    ]  # fmt: skip
    process = subprocess.Popen(["aria2c", *options, str(torrent)])
    processes.callback(process.wait)
    processes.callback(process.kill)
    return process


def libtorrent_session(processes: ExitStack, torrent: Path, directory: Path) -> libtorrent.torrent_handle:
    settings: Any = {"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False}
    session = libtorrent.session(settings)
    processes.callback(session.pause)
    parameters = libtorrent.load_torrent_file(str(torrent))
    parameters.save_path = str(directory)
    return session.add_torrent(parameters)


def test_aria2_finds_aria2(torrents: list[Path], processes: ExitStack, tmp_path: Path) -> None:
    aria2(processes, torrents[0], tmp_path / "seed")
    aria2(processes, torrents[1], tmp_path / "got")
    wait_until(lambda: is_there(tmp_path / "got/file"), "aria2's download")


def test_aria2_finds_libtorrent(torrents: list[Path], processes: ExitStack, tmp_path: Path) -> None:
    libtorrent_session(processes, torrents[0], tmp_path / "seed")
    aria2(processes, torrents[1], tmp_path / "got")
    wait_until(lambda: is_there(tmp_path / "got/file"), "aria2's download from libtorrent")


def is_there(path: Path) -> bool:
    return path.exists() and path.read_bytes() == CONTENT
