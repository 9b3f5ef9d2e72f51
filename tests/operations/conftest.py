"""A small cluster to try operations on, in a SQLite store of its own."""

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from luna_core.model import BmcSetup, Cluster, Group, Network, Node, OsImage, StoredObject
from luna_core.operations import Luna, interfaces, objects
from luna_core.settings import machine_settings

Open = Callable[..., Luna]


@pytest.fixture
def open_luna(tmp_path: Path) -> Iterator[Open]:
    """Opens the store of this test, or another one by name."""
    opened: list[Luna] = []

    def open_one(name: str = "luna", store: str = "") -> Luna:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        environment = {"LUNA_STATE_DIRECTORY": str(directory), "LUNA_NO_PLUGINS": "1", "LUNA_STORE": store}
        opened.append(Luna(machine_settings(environment), who="ada"))
        return opened[-1]

    yield open_one
    for one in opened:
        one.__exit__()


@pytest.fixture
def empty(open_luna: Open) -> Luna:
    return open_luna()


class Administrator:
    """What an administrator types, in few words."""

    def __init__(self, luna: Luna) -> None:
        self.luna = luna

    def add(self, model: type[StoredObject], name: str, **fields: Any) -> StoredObject:
        return self.luna.change(lambda work: objects.add(work, model, name, fields), f"{model.kind} add {name}")

    def change(self, model: type[StoredObject], name: str, **fields: Any) -> StoredObject:
        return self.luna.change(lambda work: objects.change(work, model, name, fields), f"{model.kind} change {name}")

    def delete(self, model: type[StoredObject], name: str) -> None:
        self.luna.change(lambda work: objects.delete(work, model, name), f"{model.kind} delete {name}")

    def interface(
        self, model: type[Group] | type[Node], name: str, interface: str, *networks: str, **more: Any
    ) -> None:
        fields = {"networks": list(networks), **more}
        self.luna.change(
            lambda work: interfaces.set_interface(work, model, name, interface, fields, new=True), "interface add"
        )

    def network(self, name: str, *subnets: str, **more: Any) -> None:
        self.add(Network, name, subnets=[{"network": str(ip_network(one)), **more} for one in subnets])

    def addresses(self, name: str) -> dict[str, list[str]]:
        """A node's addresses by interface."""
        found: dict[str, list[str]] = {}
        for one in self.luna.read(lambda work: work.get(Node, name)).addresses:
            found.setdefault(one.interface, []).append(str(one.address))
        return found


@pytest.fixture
def admin(empty: Luna) -> Administrator:
    """An administrator of a cluster that has nothing but its controller."""
    administrator = Administrator(empty)
    administrator.add(Cluster, "cluster", frontend_addresses=["10.141.255.254"])
    return administrator


@pytest.fixture
def cluster(admin: Administrator) -> Administrator:
    """An administrator of a small cluster: BOOTIF on `boot` (IPv4), BMC on `ipmi`, groups `compute` and `gpu`."""
    admin.network("boot", "10.141.0.0/16", gateway="10.141.255.253")
    admin.network("ipmi", "10.148.0.0/16")
    admin.add(BmcSetup, "default", password="s3cret")
    admin.add(OsImage, "rocky", path="/srv/rocky")
    for group in ("compute", "gpu"):
        admin.add(Group, group, osimage="rocky", bmcsetup="default")
        admin.interface(Group, group, "BOOTIF", "boot")
        admin.interface(Group, group, "BMC", "ipmi")
    return admin
