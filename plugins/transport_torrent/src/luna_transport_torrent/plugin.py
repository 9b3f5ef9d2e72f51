"""Offers image versions as torrents: the seeder, the tracker, and what a node needs to take part."""

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from ipaddress import IPv6Address
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.hookspecs import hookimpl
from luna_core.settings import machine_settings
from luna_core.types import Cluster, Endpoint, Image, ImageVersion, InitrdFile, Node, Service, Setting, WebApp

PORT = Setting(
    name="torrent.port",
    default=6881,
    least=1,
    most=65535,
    help="TCP port of the seeder on the controller, and of the nodes.",
)
REQUEST_QUEUE = Setting(
    name="torrent.request_queue",
    default=8,
    least=1,
    help="Blocks that a peer may ask for ahead: 8 to 16 for 1 GbE, 32 to 64 for 10 GbE.",
)
NEAR_SHARE = Setting(
    name="torrent.near_share",
    default=0.75,
    least=0,
    most=1,
    help="Share of a switch's (else rack's) nodes that fetch from each other only; 0: places don't matter.",
)
RANK = 10
PREFIX = "announce"
_PYTHON = "/usr/lib/luna/python"
_NODE_FILES = (
    "__init__.py",
    "profile.py",
    "node/__init__.py",
    "node/peer.py",
    "node/process.py",
    "node/session.py",
    "node/thread.py",
    "node/web_seed.py",
)


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """The port, how far peers may ask ahead, and how much they keep to their rack."""
    return [PORT, REQUEST_QUEUE, NEAR_SHARE]


@hookimpl
def luna_web_apps() -> Iterable[WebApp]:
    """The tracker."""
    return [WebApp(prefix=PREFIX, load="luna_transport_torrent.tracker:application")]


@hookimpl
def luna_services(cluster: Cluster) -> Iterable[Service]:
    """The seeder, which needs no restart for a new version; it may run as any user."""
    command = (sys.executable, "-m", "luna_transport_torrent.seeder", "--port", _setting(cluster, PORT))
    return [Service(name="seeder", command=(*command, "--request-queue", _setting(cluster, REQUEST_QUEUE)))]


@hookimpl
def luna_initrd_files(image: Image) -> Iterable[InitrdFile]:
    """The library libtorrent and the fetcher. Raises LunaError if libtorrent is not installed."""
    return list(_node_files())


@hookimpl
def luna_transport_publish(version: ImageVersion) -> None:
    """Make the torrent; the seeder and the tracker see it within a second."""
    from luna_transport_torrent import publishing

    publishing.write_torrent(publishing.places(), version.directory, version.manifest_sha256)


@hookimpl
def luna_transport_endpoints(version: ImageVersion, node: Node) -> Iterable[Endpoint]:
    """One, by the controller's address that is nearest to the node."""
    identity, cluster = version.manifest_sha256, node.cluster
    if not (machine_settings().public_directory / "torrents" / f"{identity}.torrent").exists():
        return []
    address = node.frontends()[0]
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    files = f"http://{host}:{cluster.settings.get('http.files_port', 7051)}"
    parameters = {
        "base": f"{files}/images/{identity}/",
        "tracker": f"http://{host}:{cluster.settings.get('http.port', 7050)}/{PREFIX}/",
        "port": _setting(cluster, PORT),
        "controllers": ",".join(str(one) for one in node.frontends()),
        "request_queue": _setting(cluster, REQUEST_QUEUE),
    }
    return [Endpoint(transport="torrent", url=f"{files}/torrents/{identity}.torrent", rank=RANK, parameters=parameters)]


@hookimpl
def luna_transport_withdraw(version: ImageVersion) -> None:
    """Remove the torrent."""
    from luna_transport_torrent import publishing

    publishing.remove_torrent(publishing.places(), version.manifest_sha256)


def _setting(cluster: Cluster, setting: Setting) -> str:
    return str(cluster.settings.get(setting.name, setting.default))


def _node_files() -> Iterator[InitrdFile]:
    own = Path(__file__).parent
    for name in _NODE_FILES:
        yield InitrdFile(source=own / name, destination=f"{_PYTHON}/luna_transport_torrent/{name}")
    yield InitrdFile(source=own / "node/fetcher.py", destination=f"{_PYTHON}/luna_fetchers/torrent.py")
    library = find_spec("libtorrent")
    if library is None or library.origin is None:
        raise LunaError("libtorrent is not installed for luna's Python; install luna-transport-torrent with pip.")
    origin = Path(library.origin)
    place = f"libtorrent/{origin.name}" if library.submodule_search_locations else origin.name
    yield InitrdFile(source=origin, destination=f"{_PYTHON}/{place}", mode=0o755)
