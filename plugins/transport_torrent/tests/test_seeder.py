"""Where the seeder listens, and how much of the controller's link it takes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libtorrent
import pytest

from luna_core.testing.delivery import wait_until
from luna_transport_torrent.link import Link
from luna_transport_torrent.profile import open_session
from luna_transport_torrent.publishing import Places, write_torrent
from luna_transport_torrent.seeder import SLOTS_WHILE_BOOTS_WAIT, Seeder

NODES = SLOTS_WHILE_BOOTS_WAIT + 2


@pytest.fixture
def session() -> libtorrent.session:
    """The seeder's."""
    session = open_session(0)
    wait_until(lambda: session.listen_port() != 0, "the seeder to listen")
    return session


class Counters:
    """The machine's counters as they are after each second at a rate that the test sets."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rate_bytes = 1000
        self.now_s = 0
        self._sent_bytes = 0
        self.pass_second()

    def pass_second(self) -> float:
        """A second later; returns the time."""
        self.now_s += 1
        self._sent_bytes += self.rate_bytes
        zeros = "0 " * 8
        lines = [
            "Inter-| Receive | Transmit",
            f"    lo: {zeros}{self.now_s**5} 0",
            f"  eth0: {zeros}{self._sent_bytes} 0",
        ]
        self.file.write_text("\n".join(lines))
        return self.now_s


@pytest.fixture
def counters(tmp_path: Path) -> Counters:
    """Of a machine whose link is full."""
    return Counters(tmp_path / "dev")


@pytest.fixture
def seeding(session: libtorrent.session, counters: Counters, tmp_path: Path) -> Seeder:
    """A seeder of one version of 32 MB."""
    places = Places(public=tmp_path / "public", state=tmp_path / "state")
    (tmp_path / "version/shards").mkdir(parents=True)
    (tmp_path / "version/shards/one").write_bytes(os.urandom(32 << 20))
    write_torrent(places, tmp_path / "version", "a" * 64)
    seeder = Seeder(session, places, Link(counters.file, counters.pass_second))
    seeder.update()
    return seeder


@pytest.fixture
def nodes(seeding: Seeder, session: libtorrent.session, tmp_path: Path) -> Iterator[list[libtorrent.torrent_handle]]:
    """More nodes than the seeder serves while boots wait, each too slow to be done before the test is."""
    sessions = [open_session(0) for _ in range(NODES)]
    handles = []
    for number, own in enumerate(sessions):
        parameters = libtorrent.load_torrent_file(str(tmp_path / f"public/torrents/{'a' * 64}.torrent"))
        parameters.save_path = str(tmp_path / f"node{number}")
        parameters.download_limit = 64 << 10
        handles.append(own.add_torrent(parameters))
        handles[-1].connect_peer(("127.0.0.1", session.listen_port()))
    yield handles
    for own, handle in zip(sessions, handles, strict=True):
        own.remove_torrent(handle)


def served(nodes: list[libtorrent.torrent_handle]) -> int:
    """How many nodes the seeder has unchoked."""
    peers = [peer for node in nodes for peer in node.get_peer_info()]
    return sum(not peer.flags & libtorrent.peer_info.remote_choked for peer in peers)


def test_the_seeder_leaves_the_link_to_those_that_wait_for_a_kernel(
    seeding: Seeder, nodes: list[libtorrent.torrent_handle], tmp_path: Path
) -> None:
    mark = tmp_path / "boots-wait"
    seeding.make_way(mark)
    wait_until(lambda: served(nodes) == NODES, "everybody to be served, for no boot ever waited")
    mark.touch()
    seeding.make_way(mark)
    wait_until(lambda: served(nodes) == SLOTS_WHILE_BOOTS_WAIT, "a few to be served while boots wait")
    os.utime(mark, (0, time.time() - 60))
    seeding.make_way(mark)
    wait_until(lambda: served(nodes) == NODES, "everybody to be served again, for no boot waits")


def test_a_link_with_room_is_not_left_to_those_that_wait(
    seeding: Seeder, counters: Counters, nodes: list[libtorrent.torrent_handle], tmp_path: Path
) -> None:
    mark = tmp_path / "boots-wait"
    mark.touch()
    for _ in range(10):
        os.utime(mark)
        seeding.make_way(mark)
    wait_until(lambda: served(nodes) == SLOTS_WHILE_BOOTS_WAIT, "a few to be served while the link is full")
    counters.rate_bytes = 100
    for _ in range(10):
        os.utime(mark)
        seeding.make_way(mark)
    wait_until(lambda: served(nodes) == NODES, "everybody to be served, for something else holds the boots up")


def test_a_seeder_whose_port_is_taken_says_so_and_ends(tmp_path: Path) -> None:
    """On another port nobody would find it."""
    environment = {**os.environ, "LUNA_STATE_DIRECTORY": str(tmp_path)}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "luna_transport_torrent.seeder", "--port", str(port)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert f"seeder: port {port} is another program's; setting torrent.port" in done.stdout


def test_who_uses_the_port_by_udp_and_on_this_machine_alone_is_in_nobodys_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        session = open_session(other.getsockname()[1], no_other_port=True)
        seeder = Seeder(session, Places(public=tmp_path, state=tmp_path), Link())

        def complains() -> bool:
            seeder.report_errors()
            return "Address already in use" in capsys.readouterr().out

        wait_until(complains, "the seeder to tell of it, and to go on")
