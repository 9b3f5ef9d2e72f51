"""Offers image versions under `/images/` of the file server, by a symbolic link for each version."""

import os
import sys
from collections.abc import Iterable
from ipaddress import IPv6Address
from pathlib import Path

from luna_core.hookspecs import hookimpl
from luna_core.settings import machine_settings
from luna_core.types import Cluster, Endpoint, ImageVersion, Node, Service, Setting

PORT = Setting(
    name="http.files_port",
    default=7051,
    least=1024,
    most=65535,
    help="TCP port of the file server on the controller, above 1023.",
)
SERVER = Setting(
    name="http.file_server",
    default="auto",
    help="Which file server runs: nginx, the builtin one, or auto for nginx where it is installed.",
    choices=("auto", "nginx", "builtin"),
)
RANK = 50


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """The port and the kind of server."""
    return [PORT, SERVER]


@hookimpl
def luna_transport_publish(version: ImageVersion) -> None:
    """Link to the version's directory, in one step."""
    offered = _offered(version)
    offered.parent.mkdir(parents=True, exist_ok=True)
    new = offered.with_suffix(".new")
    new.unlink(missing_ok=True)
    # A relative link, so that the state directory can be moved or copied as a whole.
    new.symlink_to(os.path.relpath(version.directory, offered.parent))
    os.replace(new, offered)


@hookimpl
def luna_transport_endpoints(version: ImageVersion, node: Node) -> Iterable[Endpoint]:
    """Every address of the controller, those near the node first."""
    if not _offered(version).exists():
        return []
    port = node.cluster.settings.get(PORT.name, PORT.default)
    hosts = [f"[{one}]" if isinstance(one, IPv6Address) else str(one) for one in node.frontends()]
    return [
        Endpoint(transport="http", url=f"http://{host}:{port}/images/{version.manifest_sha256}/", rank=RANK + place)
        for place, host in enumerate(hosts)
    ]


@hookimpl
def luna_transport_withdraw(version: ImageVersion) -> None:
    """Remove the link: the server knows nothing else."""
    _offered(version).unlink(missing_ok=True)


@hookimpl
def luna_services(cluster: Cluster) -> Iterable[Service]:
    """The file server."""
    port = str(cluster.settings.get(PORT.name, PORT.default))
    server = str(cluster.settings.get(SERVER.name, SERVER.default))
    public = machine_settings().public_directory
    command = (sys.executable, "-m", "luna_transport_http.serve", "--port", port, "--server", server, str(public))
    # Root becomes nobody, who has fewer rights than luna's own user: that one can read the key of all secrets.
    return [Service(name="files", command=command, user="root" if os.geteuid() == 0 else None)]


def _offered(version: ImageVersion) -> Path:
    return machine_settings().public_directory / "images" / version.manifest_sha256
