"""`ltorrent`: offers every published version to the nodes, for as long as it is published."""

import argparse
import errno
import signal
import sys
import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import libtorrent

from luna_core.errors import LunaError
from luna_core.run import allow_most_files
from luna_core.settings import machine_settings
from luna_transport_torrent.link import Link
from luna_transport_torrent.profile import REQUEST_QUEUE, open_session
from luna_transport_torrent.publishing import Places, places

_POLL_S = 1.0
_UNLIMITED = -1
# To go on, a swarm needs new pieces as fast as one node takes them; the rest of the link is better spent on kernels.
SLOTS_WHILE_BOOTS_WAIT = 4
_WAITED_S = 5.0


class Seeder:
    """A session with one torrent for each version. Nodes learn its address from the tracker, so it never announces."""

    def __init__(self, session: libtorrent.session, where: Places, link: Link) -> None:
        self._session = session
        self._places = where
        self._link = link
        self._handles: dict[str, libtorrent.torrent_handle] = {}
        self._slots = _UNLIMITED
        # Those of a private network are exempt otherwise.
        local = session.get_peer_class(libtorrent.session.local_peer_class_id)
        session.set_peer_class(libtorrent.session.local_peer_class_id, {**local, "ignore_unchoke_slots": False})

    def update(self) -> None:
        """Begin to seed what was published since the last call, and stop with what was withdrawn."""
        published = {path.stem for path in self._places.torrents.glob("*.torrent")}
        for identity in sorted(published - self._handles.keys()):
            self._add(identity)
        for identity in sorted(self._handles.keys() - published):
            self._session.remove_torrent(self._handles.pop(identity))
            print(f"seeder: {identity} was withdrawn", flush=True)

    def make_way(self, boots_wait_file: Path) -> None:
        """Serve a few nodes at a time while others wait for kernel and initramfs by the same link, and it is full."""
        try:
            waiting = abs(time.time() - boots_wait_file.stat().st_mtime) < _WAITED_S
        except OSError:
            waiting = False
        if not waiting:
            self._link.forget()
        slots = SLOTS_WHILE_BOOTS_WAIT if waiting and self._link.is_full() else _UNLIMITED
        if slots != self._slots:
            self._slots = slots
            self._session.apply_settings({"unchoke_slots_limit": slots})

    def report_errors(self) -> None:
        """Print what libtorrent complains of; raises LunaError if the port, which the tracker tells, is taken."""
        for alert in self._session.pop_alerts():
            if isinstance(alert, libtorrent.listen_failed_alert) and _is_taken(alert):
                raise LunaError(
                    f"port {alert.port} is another program's; setting torrent.port says which is to be used."
                )
            if isinstance(alert, libtorrent.listen_failed_alert | libtorrent.torrent_error_alert):
                print(f"seeder: {alert.message()}", flush=True)
            elif isinstance(alert, libtorrent.hash_failed_alert) and (torrent := alert.handle.torrent_file()):
                layout = torrent.layout()
                shard = layout.file_path(layout.file_index_at_piece(alert.piece_index))
                print(f"seeder: {shard} is damaged on disk; 'luna osimage pack' repairs it", flush=True)

    def _add(self, identity: str) -> None:
        try:
            parameters = libtorrent.load_torrent_file(str(self._places.torrent(identity)))
        except RuntimeError as error:
            # Withdrawn meanwhile, or not a torrent; if it is there in a second it is looked at again.
            print(f"seeder: {identity} can't be read: {error}", flush=True)
            return
        parameters.save_path = str(self._places.seeds)
        # Every shard was hashed when it was packed, and every node hashes what it gets.
        flags = libtorrent.torrent_flags
        parameters.flags = flags.seed_mode | flags.disable_dht | flags.disable_lsd | flags.disable_pex
        self._handles[identity] = self._session.add_torrent(parameters)
        print(f"seeder: offering {identity}", flush=True)


def _is_taken(alert: libtorrent.listen_failed_alert) -> bool:
    """Whether nodes may reach another program. What uses the loopback by UDP is in nobody's way.

    On any other address libtorrent leaves out TCP too where it has no UDP.
    """
    loopback_udp = alert.socket_type == libtorrent.socket_type_t.udp and ip_address(alert.address).is_loopback
    return alert.error.value() == errno.EADDRINUSE and not loopback_udp


def main(arguments: Sequence[str] | None = None) -> int:
    """Seed until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="ltorrent", description="Offer image versions to nodes over BitTorrent.")
    parser.add_argument("--port", type=int, default=6881, help="TCP port, on all addresses (6881)")
    parser.add_argument(
        "--request-queue", type=int, default=REQUEST_QUEUE, help="blocks that a node may ask for ahead (8)"
    )
    given = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    allow_most_files()
    waiting = machine_settings().boots_wait_file
    seeder = Seeder(open_session(given.port, given.request_queue, no_other_port=True), places(), Link())
    while not stopped.is_set():
        seeder.update()
        seeder.make_way(waiting)
        try:
            seeder.report_errors()
        except LunaError as error:
            print(f"seeder: {error}", flush=True)
            return 1
        stopped.wait(_POLL_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
