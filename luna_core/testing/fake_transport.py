"""A transport that offers versions in a directory of the controller, as file:// URLs. No entry point announces it."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from luna_core.hookspecs import hookimpl
from luna_core.types import Cluster, Endpoint, ImageVersion, Node, Setting

DIRECTORY = Setting(
    name="fake.directory",
    default="/var/lib/luna/fake-transport",
    help="Directory in which the fake transport offers image versions.",
)


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """The directory."""
    return [DIRECTORY]


@hookimpl
def luna_transport_publish(version: ImageVersion) -> None:
    """Copy the version, by hard links where the file system can."""
    if not offered(version).exists():
        shutil.copytree(version.directory, offered(version), copy_function=_link_or_copy)


@hookimpl
def luna_transport_endpoints(version: ImageVersion, node: Node) -> Iterable[Endpoint]:
    """The copy's URL, if there is one."""
    return [Endpoint(transport="fake", url=f"{offered(version).as_uri()}/")] if offered(version).exists() else []


@hookimpl
def luna_transport_withdraw(version: ImageVersion) -> None:
    """Remove the copy."""
    if offered(version).exists():
        shutil.rmtree(offered(version))


def offered(version: ImageVersion) -> Path:
    """Where this version is offered, or would be."""
    return _directory(version.image.cluster) / version.manifest_sha256


def _directory(cluster: Cluster) -> Path:
    return Path(str(cluster.settings.get(DIRECTORY.name, DIRECTORY.default)))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
