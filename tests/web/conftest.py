"""A boot server on a real socket, with a cluster whose image is packed and offered over HTTP."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from cheroot import wsgi

from luna_core.hooks import Hooks
from luna_core.image.pack import Source, pack
from luna_core.model import Cluster, Group, ImageVersion, Network, OsImage
from luna_core.operations import Luna, connect
from luna_core.operations.interfaces import set_interface
from luna_core.operations.nodes import add_nodes
from luna_core.operations.objects import add, change
from luna_core.operations.work import Work
from luna_core.plugins import PluginRecord, Plugins
from luna_core.settings import MachineSettings
from luna_core.web.app import make_app
from luna_core.web.boot import BootService

TRANSPORT = """
from luna_core.hookspecs import hookimpl
from luna_core.types import Endpoint, Postscript, Sighting, WebApp

told = []
identified = []
sightings = {}

@hookimpl
def luna_transport_endpoints(version, node):
    return [Endpoint(transport="http", url=f"http://files/{version.manifest_sha256}/")]

@hookimpl
def luna_postscripts(image, node):
    return [Postscript(name="motd", stage="postscript", text="echo hello")]

@hookimpl
def luna_discover(macs):
    found = ((mac, sightings[mac]) for mac in macs if mac in sightings)
    return [one if isinstance(one, Sighting) else seen(mac, one) for mac, one in found]

def seen(mac, node, **more):
    return Sighting(mac=mac, node=node, **{"place": "switch sw01 port 7", **more})

@hookimpl
def luna_node_identified(node, sighting):
    identified.append((node.name, sighting.place))

@hookimpl
def luna_node_state_changed(node, old, new):
    told.append((node.name, old, new))

@hookimpl
def luna_web_apps():
    return [WebApp(prefix="hello", load="wsgiref.simple_server:demo_app"), WebApp(prefix="broken", load="nowhere:app")]
"""


@dataclass
class BootServer:
    """Where the server listens, what it serves, and the MACs that it is made to see behind addresses."""

    url: str
    luna: Luna
    service: BootService
    neighbours: dict[str, str | None] = field(default_factory=dict)

    def get(self, path: str, **query: str | list[str]) -> tuple[int, str]:
        """Status and text of the answer to a machine's request."""
        try:
            with urlopen(f"{self.url}{path}?{urlencode(query, doseq=True)}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def luna(luna_settings: MachineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Luna]:
    """A cluster of three nodes on 127.0.0.0/8, the first of which has a MAC."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/site_transport.py").write_text(TRANSPORT)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    with connect(luna_settings) as luna:
        luna.hooks = Hooks(Plugins(MachineSettings(), _plugins()))
        luna.change(_make_cluster, "set up")
        luna.change(lambda work: _make_version(work, luna_settings.state_directory), "pack")
        yield luna
    import sys

    sys.modules.pop("site_transport", None)


@pytest.fixture
def server(luna: Luna, tmp_path: Path) -> Iterator[BootServer]:
    """The boot server on a free port of 127.0.0.1."""
    (tmp_path / "tftp").mkdir()
    (tmp_path / "tftp/snponly.efi").write_bytes(b"iPXE")
    neighbours: dict[str, str | None] = {}
    service = BootService(luna, neighbour=neighbours.get)
    running = wsgi.Server(("127.0.0.1", 0), make_app(service, tmp_path / "tftp"), numthreads=4)
    running.prepare()
    thread = threading.Thread(target=running.serve)
    thread.start()
    yield BootServer(f"http://127.0.0.1:{running.bind_addr[1]}", luna, service, neighbours)
    running.stop()
    thread.join()
    service.commits.close()


def _plugins() -> Iterator[PluginRecord]:
    """The site's plugin, which stands for the switches too, and luna's own ways to a name."""
    yield PluginRecord(name="switchport", kind="plugin", origin="site_transport")
    for name in ("mac", "smbios", "menu", "group"):
        yield PluginRecord(name=name, kind="plugin", origin=f"luna_discovery_{name}.plugin")


def _make_cluster(work: Work) -> None:
    add(work, Cluster, "cluster", {"frontend_addresses": ["127.0.0.254"]})
    subnets = [{"network": "127.0.0.0/16", "dhcp_range": {"first": "127.0.9.1", "last": "127.0.9.9"}}]
    add(work, Network, "cluster", {"subnets": subnets})
    add(work, OsImage, "compute", {"path": "/srv/tree", "distro": "fake"})
    add(work, Group, "compute", {"osimage": "compute"})
    set_interface(work, Group, "compute", "BOOTIF", {"networks": ["cluster"]}, new=True)
    add_nodes(work, ["node001"], {"group": "compute"}, macs=["52:54:00:00:00:01"])
    add_nodes(work, ["node002", "node003"], {"group": "compute"})


@pytest.fixture
def pack_again(luna: Luna) -> Callable[..., str]:
    """Packs a second version (or that of another number) with a kernel of this release; gives its manifest's SHA-256.

    `kernel` are the kernel's bytes, where they matter.
    """

    def again(release: str, kernel: bytes = b"", number: int = 2) -> str:
        state = luna.settings.state_directory
        values = {"number": number, "release": release, "kernel": kernel}
        return luna.change(lambda work: _make_version(work, state, **values), "pack")

    return again


def _make_version(work: Work, state: Path, *, number: int = 1, release: str = "6.1.0", kernel: bytes = b"") -> str:
    tree = state / "tree"
    (tree / "etc").mkdir(parents=True, exist_ok=True)
    (tree / "etc/os-release").write_text(f"ID=fake\nVERSION_ID={number}\n")
    (state / "kernel").write_bytes(kernel or f"kernel {release}".encode())
    (state / "initramfs").write_bytes(f"initramfs {release}".encode())
    source = Source(
        image="compute",
        tree=tree,
        distro="fake",
        kernel_release=release,
        kernel=state / "kernel",
        initramfs=state / "initramfs",
    )
    packed = pack(source, state / "images")
    image = change(work, OsImage, "compute", {"latest": number})
    fields = {"osimage": image.name, "number": number, "manifest_sha256": packed.manifest_sha256, "size_bytes": 1}
    add(work, ImageVersion, f"compute-{number}", fields)
    return packed.manifest_sha256
