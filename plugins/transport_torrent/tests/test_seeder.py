"""How much of the controller's link the seeder takes."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import libtorrent
import pytest

from luna_core.testing.delivery import wait_until
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


@pytest.fixture
def seeding(session: libtorrent.session, tmp_path: Path) -> Seeder:
    """A seeder of one version of 32 MB."""
    places = Places(public=tmp_path / "public", state=tmp_path / "state")
    (tmp_path / "version/shards").mkdir(parents=True)
    (tmp_path / "version/shards/one").write_bytes(os.urandom(32 << 20))
    write_torrent(places, tmp_path / "version", "a" * 64)
    seeder = Seeder(session, places)
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
