"""What a delivery is compared with: curl from nginx, aria2 and udpcast, each with `tar --zstd` behind it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cluster
import libtorrent

from luna_core.run import run
from luna_core.testing.delivery import Delivery, wait_until
from luna_core.testing.switch import CONTROLLER

_TRACKER_PORT = 7060
_ARIA2_PORT = 6882
_ARIA2 = (
    "aria2c --no-conf --quiet --enable-dht=false --enable-dht6=false --bt-enable-lpd=false --bt-max-peers=0 "
    "--bt-seed-unverified=true --bt-request-peer-speed-limit=1000M --bt-tracker-interval=5 --disable-ipv6=true "
    "--file-allocation=none --seed-ratio=0 --allow-overwrite=true"
)
_UNPACK = "tar -x --zstd -f {archive} -C {home}/root"
_NOTE = "date +%s.%N >{home}/received"


class Peers:
    """`tree` as one archive, `tar` packed by zstd, brought to every node in each of the ways."""

    def __init__(self, delivery: Delivery, tree: Path, mbit: float) -> None:
        self._delivery = delivery
        self._mbit = mbit
        self._archive = delivery.directory / "public/archive"
        run(["tar", "-C", tree, "--use-compress-program=zstd -1", "-cf", self._archive, "."])

    @property
    def _controller(self) -> str:
        return str(self._delivery.switch.address(CONTROLLER))

    def curl(self) -> cluster.Result:
        """Each node by itself from nginx, unpacking what comes."""
        return self._measured(f"curl -sf http://{self._controller}:7051/archive; {_NOTE}", piped=True)

    def aria2(self) -> cluster.Result:
        """By a torrent of version 1, for aria2 knows no other, from an aria2 on the controller; unpacked at the end."""
        torrent = self._make_torrent()
        self._delivery.start("aria2", [*_ARIA2.split(), f"--listen-port={_ARIA2_PORT}", *self._aria2_files(torrent)])
        wait_until(lambda: self._has_announced(torrent), "aria2 to announce")
        hook = self._delivery.directory / "aria2-complete"
        # aria2 goes on seeding, and gives its hook nothing but id, number of files and path.
        hook.write_text(
            f"#!/bin/sh\nhome=${{3%/*}}\n{_NOTE.format(home='$home')}.new\nmv $home/received.new $home/received\n"
        )
        hook.chmod(0o755)
        get = f"{_ARIA2} --dir={{home}} --on-bt-download-complete={hook} --listen-port=6881 {torrent} &"
        wait = "until [ -e {home}/received ]; do sleep 0.1; done; " + _UNPACK.format(
            archive="{home}/archive", home="{home}"
        )
        return self._measured(f"{get} {wait}", piped=False)

    def udpcast(self) -> cluster.Result:
        """By multicast, at 95 % of the links' rate, for Ethernet's framing takes the rest."""
        for machine in self._delivery.switch.machines:
            run([*self._delivery.switch.inside(machine), "ip", "route", "add", "224.0.0.0/4", "dev", "eth0"])
        receivers = len(self._delivery.switch.machines) - 1
        sender = f"udp-sender --file {self._archive} --interface eth0 --nokbd --full-duplex --no-progress"
        options = f"--min-receivers {receivers} --max-wait 30 --max-bitrate {self._mbit * 950:.0f}k"
        get = f"udp-receiver --interface eth0 --nokbd --nosync --no-progress; {_NOTE}"
        return self._measured(get, piped=True, sender=f"{sender} {options}")

    def _measured(self, get: str, *, piped: bool, sender: str = "") -> cluster.Result:
        def start(machine: int) -> "subprocess.Popen[bytes]":
            home = self._delivery.home(machine)
            (home / "root").mkdir(parents=True)
            command = f"{{ {get}; }} | {_UNPACK.replace('{archive}', '-')}" if piped else get
            script = f"set -e -o pipefail; {command.replace('{home}', str(home))}"
            self._delivery.start(f"client{machine}", ["bash", "-c", script], machine)
            return self._delivery.processes.pop(f"client{machine}")

        def begin() -> None:
            if sender:
                self._delivery.start("sender", sender.split())

        def received_s(machine: int) -> float:
            return float((self._delivery.home(machine) / "received").read_text())

        return cluster.measured(self._delivery, start, received_s, begin)

    def _make_torrent(self) -> Path:
        entry = libtorrent.create_file_entry(self._archive.name, self._archive.stat().st_size)
        torrent = libtorrent.create_torrent([entry], 0, libtorrent.create_torrent.v1_only)
        torrent.add_tracker(f"http://{self._controller}:{_TRACKER_PORT}/announce/any/announce")
        torrent.set_priv(True)
        libtorrent.set_piece_hashes(torrent, str(self._archive.parent))
        document = torrent.generate()
        info_hash = hashlib.sha1(libtorrent.bencode(document[b"info"])).hexdigest()  # noqa: S324 - BEP 3 says so
        path = self._delivery.directory / f"{info_hash}.torrent"
        path.write_bytes(libtorrent.bencode(document))
        tracker = Path(__file__).with_name("tracker.py")
        self._delivery.start("tracker", [sys.executable, str(tracker), info_hash, str(_TRACKER_PORT)])
        self._delivery.wait_for_port(_TRACKER_PORT)
        return path

    def _aria2_files(self, torrent: Path) -> list[str]:
        return [f"--dir={self._archive.parent}", str(torrent)]

    def _has_announced(self, torrent: Path) -> bool:
        info_hash = bytes.fromhex(torrent.stem)
        escaped = "".join(f"%{byte:02x}" for byte in info_hash)
        url = f"http://{self._controller}:{_TRACKER_PORT}/announce/any/scrape?info_hash={escaped}"
        return "8:completei1e" in run([*self._delivery.switch.inside(CONTROLLER), "curl", "-sf", url])
