"""What the boot server answers to bursts of booting nodes, while slow downloads keep the file server busy.

    python benchmarks/control_plane.py [--nodes 512,4096] [--downloads 64] [--rounds 3]

A real `luna serve` on a real SQLite store. Every node has an address of its own on the loopback network and one
connection that it keeps, as iPXE and curl do; all nodes of a burst ask at once, and the server shares this machine's
cores with them. A request's time begins with its burst, so it includes the wait for a place in the queue.
"""

import argparse
import asyncio
import hashlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from urllib.parse import quote_from_bytes

import ground

from luna_core.node.job import derived_key
from luna_core.operations import connect
from luna_core.settings import MachineSettings
from luna_core.testing.cluster import add_members, make_cluster
from luna_core.testing.image import Sizes, offer_random_image
from luna_transport_torrent import bencode

CONTROLLER_INTERFACE = IPv4Interface("127.99.255.254/16")
CONTROLLER = str(CONTROLLER_INTERFACE.ip)
LUNA = Path(sys.executable).with_name("luna")
SLOW_BYTES_S = 100_000
WAIT_S = 60.0
TIMEOUT_S = 120.0


@dataclass(kw_only=True)
class Place:
    """A controller that runs: its boot server's process and ports, the torrent's hash, a file for slow downloads."""

    boot_server: int
    boot_port: int
    files_port: int
    info_hash: bytes
    file: str


@dataclass(kw_only=True)
class Client:
    """A node: what it knows of itself, and its connection."""

    name: str
    mac: str
    address: str
    token: str = ""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None


@dataclass
class Burst:
    """One kind of request by all nodes at once, with the processor time of the boot server and of this program."""

    kind: str
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    took_s: float = 0.0
    processor_s: float = 0.0
    own_s: float = 0.0

    def each_ms(self, processor_s: float) -> float:
        """Milliseconds of processor time for each request."""
        return 1000 * processor_s / max(1, len(self.seconds))


def main() -> None:
    """Measure and print a table; exit status 1 if what must hold doesn't."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", default="512,4096", help="numbers of nodes (512,4096)")
    parser.add_argument("--downloads", type=int, default=64, help="slow downloads that go on meanwhile (64)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all nodes boot (3)")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()), help="where the store is")
    given = parser.parse_args()
    ground.end_cleanly()
    print(ground.machine())
    print("must hold: 512 boot scripts (entry and discovery): p99 under 1 s, no error; 4096 announces: no error")
    print("nodes  request     requests  errors    per s  p50 ms  p99 ms  max ms  lweb CPU ms  own CPU ms", flush=True)
    held = True
    for count in (int(word) for word in given.nodes.split(",")):
        with controller(given.scratch, count) as (place, clients):
            for _ in range(given.rounds):
                bursts = asyncio.run(measure(place, clients, given.downloads))
                for one in bursts:
                    held &= show(count, one)
    sys.exit(0 if held else "what must hold doesn't")


def show(nodes: int, burst: Burst) -> bool:
    """Print a line; returns whether what must hold does."""
    rate = len(burst.seconds) / burst.took_s
    own_ms, lweb_ms = burst.each_ms(burst.own_s), burst.each_ms(burst.processor_s)
    p50, p99, most = (1000 * percentile(burst.seconds, share) for share in (0.5, 0.99, 1.0))
    print(
        f"{nodes:5}  {burst.kind:10}  {len(burst.seconds):8}  {len(burst.errors):6}  {rate:7.0f}  "
        f"{p50:6.0f}  {p99:6.0f}  {most:6.0f}  {lweb_ms:11.2f}  {own_ms:10.2f}",
        flush=True,
    )
    for error in burst.errors[:2]:
        print(f"       {error}")
    slow = nodes <= 512 and burst.kind in ("entry", "discovery") and p99 >= 1000
    return not burst.errors and not slow


def percentile(seconds: Sequence[float], share: float) -> float:
    """The time within which this share of the requests was answered."""
    if len(seconds) < 2 or share == 1.0:
        return max(seconds, default=0.0)
    return statistics.quantiles(seconds, n=100, method="inclusive")[round(share * 100) - 1]


@contextmanager
def controller(scratch: Path, nodes: int) -> Iterator[tuple[Place, list[Client]]]:
    """A cluster whose nodes are known by their MACs, and `luna serve` for it."""
    directory = Path(tempfile.mkdtemp(prefix="luna-benchmark-", dir=scratch))
    directory.chmod(0o755)
    os.environ.update(LUNA_STATE_DIRECTORY=str(directory), LUNA_STORE="")
    settings = MachineSettings(
        state_directory=directory, store=f"sqlite://{directory}/luna.db", key_file=directory / "luna.key"
    )
    clients = [_client(number) for number in range(1, nodes + 1)]
    ports = dict(zip(("http.port", "http.files_port", "torrent.port"), _free_ports(), strict=False))
    try:
        with connect(settings, who="benchmark") as luna:
            # A burst is of nodes that all get their boot scripts.
            own = {"boot.wave": "0", "dhcp.server": "none", "dns.server": "none"}
            numbers = {name: str(port) for name, port in ports.items()}
            make_cluster(luna, CONTROLLER_INTERFACE, {**numbers, **own, "tftp.directory": str(directory / "tftp")})
            packed = offer_random_image(luna, "compute", directory, Sizes(initramfs_bytes=50 << 20))
            add_members(luna, "compute", {one.name: one.mac for one in clients})
        torrent = bencode.decode(
            (settings.public_directory / f"torrents/{packed.manifest_sha256}.torrent").read_bytes()
        )
        assert isinstance(torrent, dict)  # noqa: S101 - tells the type checker what a torrent is
        place = Place(
            boot_server=0,
            boot_port=ports["http.port"],
            files_port=ports["http.files_port"],
            info_hash=hashlib.sha256(bencode.encode(torrent[b"info"])).digest()[:20],
            file=f"/images/{packed.manifest_sha256}/initramfs",
        )
        with _serving(directory, [place.boot_port, place.files_port]) as supervisor:
            place.boot_server = _boot_server(supervisor)
            yield place, clients
    finally:
        shutil.rmtree(directory)


def _client(number: int) -> Client:
    return Client(
        name=f"node{number:04}",
        mac=f"52:54:00:6c:{number >> 8:02x}:{number & 255:02x}",
        address=str(IPv4Address("127.99.0.0") + number),
    )


@contextmanager
def _serving(directory: Path, ports: Sequence[int]) -> Iterator[int]:
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([LUNA, "serve"], stdout=log, stderr=log)  # noqa: S603
    try:
        for port in ports:
            _wait_for(port, directory / "log")
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _boot_server(supervisor: int) -> int:
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == supervisor and b"luna_core.web" in (status.parent / "cmdline").read_bytes():
                return int(status.parent.name)
    sys.exit("luna serve runs no lweb")


def processor_s(process: int) -> float:
    """The processor time that a process has had (proc(5), stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(port: int, log: Path) -> None:
    until_s = time.monotonic() + WAIT_S
    while True:
        with suppress(OSError), socket.create_connection((CONTROLLER, port)):
            return
        if time.monotonic() > until_s:
            sys.exit(f"nothing listens on port {port}:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _free_ports() -> Iterator[int]:
    """Below those that the kernel gives to connections, which other programs open meanwhile (ip(7))."""
    for port in range(20_000, 30_000):
        with socket.socket() as one, suppress(OSError):
            one.bind(("", port))
            yield port


async def measure(place: Place, clients: Sequence[Client], downloads: int) -> list[Burst]:
    """Boot all nodes once, each kind of request by all of them at once."""
    slow = [asyncio.create_task(_download_slowly(place)) for _ in range(downloads)]
    await asyncio.sleep(0.5)
    try:
        return [
            await burst(place, "entry", clients, lambda one: ask(place, one, "GET /boot/ipxe")),
            await burst(place, "discovery", clients, lambda one: discover(place, one)),
            await burst(place, "install", clients, lambda one: ask(place, one, f"GET /boot/install?node={one.name}")),
            await burst(place, "announce", clients, lambda one: announce(place, one)),
            await burst(place, "status", clients, lambda one: status(place, one)),
        ]
    finally:
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        for one in clients:
            if one.streams:
                one.streams[1].close()
                one.streams = None


async def burst(
    place: Place, kind: str, clients: Sequence[Client], request: Callable[[Client], Awaitable[bytes]]
) -> Burst:
    """All clients at once; what is no 200 or 204, or takes two minutes, is an error."""
    before_s, own_before_s = processor_s(place.boot_server), time.process_time()
    result, begin_s = Burst(kind), time.monotonic()

    async def one_request(one: Client) -> None:
        try:
            await asyncio.wait_for(request(one), TIMEOUT_S)
            result.seconds.append(time.monotonic() - begin_s)
        except Exception as error:  # whatever it is, it is counted
            result.errors.append(f"{one.name}: {error!r}")

    await asyncio.gather(*(one_request(one) for one in clients))
    result.took_s = time.monotonic() - begin_s
    result.processor_s = processor_s(place.boot_server) - before_s
    result.own_s = time.process_time() - own_before_s
    return result


async def discover(place: Place, one: Client) -> bytes:
    """Be recognised, and remember the session's token."""
    query = f"booted={one.mac}&mac={one.mac}&serial=&asset=&vendor=QEMU&product=Standard&platform=pcbios&arch=x86_64"
    script = await ask(place, one, f"GET /boot/discovery?{query}")
    found = re.search(rb"luna\.session=(\S+)", script)
    if not found:
        raise ValueError(f"no boot script: {script[:200]!r}")
    one.token = found[1].decode()
    return script


async def announce(place: Place, one: Client) -> bytes:
    """Tell the tracker that the node begins."""
    key = derived_key(one.token, "tracker")
    hashes = f"info_hash={quote_from_bytes(place.info_hash)}&peer_id=-LT2110-{one.mac.replace(':', '')}"
    body = await ask(
        place, one, f"GET /announce/{key}/announce?{hashes}&port=6881&left=1000000&compact=1&event=started&numwant=50"
    )
    if b"failure reason" in body:
        raise ValueError(f"refused: {body!r}")
    return body


async def status(place: Place, one: Client) -> bytes:
    """Report a phase, as the install script does."""
    form = f"node={one.name}&phase=prescript&status=started&exit_status=&uptime_s=20&sent_uptime_s=20"
    return await ask(place, one, "POST /boot/status", form)


async def ask(place: Place, one: Client, request: str, body: str = "") -> bytes:
    """The answer's body; a connection that the server closed while it was idle is opened anew, as curl does.

    Raises ValueError with the answer for another status than 200 and 204.
    """
    if one.streams:
        with suppress(OSError, asyncio.IncompleteReadError):
            return await _exchange(place, one, request, body)
        one.streams[1].close()
        one.streams = None
    return await _exchange(place, one, request, body)


async def _exchange(place: Place, one: Client, request: str, body: str) -> bytes:
    if one.streams is None:
        one.streams = await asyncio.open_connection(CONTROLLER, place.boot_port, local_addr=(one.address, 0))
    reader, writer = one.streams
    lines = [f"{request} HTTP/1.1", f"Host: {CONTROLLER}:{place.boot_port}"]
    lines += [f"Authorization: Bearer {one.token}"] if one.token else []
    lines += [f"Content-Length: {len(body)}", "Content-Type: application/x-www-form-urlencoded"] if body else []
    writer.write("\r\n".join([*lines, "", body]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
    size = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    answer = await reader.readexactly(int(size[1]) if size else 0)
    if re.search(r"(?i)^connection: *close", head, re.MULTILINE):
        writer.close()
        one.streams = None
    if head.split()[1] not in ("200", "204"):
        raise ValueError(f"{head.splitlines()[0]} {answer[:200]!r}")
    return answer


async def _download_slowly(place: Place) -> None:
    """Hold a connection of the file server for as long as the measurement takes."""
    reader, writer = await asyncio.open_connection(CONTROLLER, place.files_port, limit=SLOW_BYTES_S)
    try:
        writer.write(f"GET {place.file} HTTP/1.1\r\nHost: {CONTROLLER}\r\n\r\n".encode())
        while await reader.read(SLOW_BYTES_S // 4):
            await asyncio.sleep(0.25)
    finally:
        writer.close()


if __name__ == "__main__":
    main()
