"""Other nodes go away, lie or say nothing: whoever fetches has all of it in the end, and nothing else."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import libtorrent
import pytest

from luna_core.testing.delivery import Delivery, wait_until

Deliver = Callable[..., Delivery]
ODD = 3


def test_a_fifth_of_the_peers_vanish(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(5, controller_mbit=12)
    version = delivery.pack(tree)
    clients = {machine: delivery.fetch(machine, version) for machine in range(1, 6)}
    for machine in clients:
        delivery.wait_until_under_way(machine)
    # As by a pulled plug: nobody is told.
    delivery.switch.unplug(5)
    gone = clients.pop(5)
    os.killpg(gone.pid, signal.SIGKILL)
    gone.wait()
    delivery.are_whole(clients, tree)


@pytest.mark.parametrize("what", ["garbage", "nothing"])
def test_a_peer_that_promises_everything(deliver: Deliver, tree: Path, what: str) -> None:
    delivery = deliver(ODD, controller_mbit=16)
    version = delivery.pack(tree)
    torrent = delivery.directory / f"public/torrents/{version.manifest_sha256}.torrent"
    info_hash = libtorrent.torrent_info(str(torrent)).info_hashes().v2.to_bytes()[:20].hex()
    script = str(Path(__file__).with_name("odd_peer.py"))
    delivery.start("odd", [sys.executable, script, what, delivery.announce_url(ODD), info_hash], machine=ODD)
    said = delivery.directory / "odd.log"
    wait_until(lambda: "announced" in said.read_text(), "the odd peer to be known")
    # Nobody else has anything to give until it was asked.
    seeder = delivery.processes["seeder"]
    os.killpg(seeder.pid, signal.SIGSTOP)
    clients = {machine: delivery.fetch(machine, version) for machine in (1, 2)}
    wait_until(lambda: f": {what}" in said.read_text(), "the odd peer to be asked")
    os.killpg(seeder.pid, signal.SIGCONT)
    delivery.are_whole(clients, tree)
