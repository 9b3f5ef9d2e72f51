"""Facts of a small cluster to call hooks and drivers with. `dataclasses.replace` makes others of them."""

import hashlib
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from luna_core.node.manifest import MANIFEST_NAME, BootFile, Kind, Manifest, Shard
from luna_core.types import (
    Cluster,
    Host,
    Image,
    ImageVersion,
    Interface,
    InterfaceAddress,
    Machine,
    Network,
    NetworkPlan,
    Node,
    SettingValue,
    Subnet,
)

CONTROLLER = ip_address("10.141.255.254")
BOOT_NETWORK = Network(
    name="cluster",
    domain="cluster",
    subnets=(
        Subnet(
            network=ip_network("10.141.0.0/16"),
            gateway=CONTROLLER,
            dhcp_range=(ip_address("10.141.128.1"), ip_address("10.141.140.255")),
        ),
    ),
    nameservers=(CONTROLLER,),
)
BMC_NETWORK = Network(name="ipmi", domain="ipmi", subnets=(Subnet(network=ip_network("10.148.0.0/16")),))


def cluster(settings: Mapping[str, SettingValue] | None = None) -> Cluster:
    """A cluster with one controller and these settings."""
    return Cluster(name="test", domain="example.org", frontend_addresses=(CONTROLLER,), settings=settings or {})


def image(path: Path, *, settings: Mapping[str, SettingValue] | None = None, distro: str = "fake") -> Image:
    """An osimage called `compute` whose tree is at `path`."""
    return Image(id="osimage-1", name="compute", distro=distro, path=path, cluster=cluster(settings))


def version(versions: Path, *, settings: Mapping[str, SettingValue] | None = None) -> ImageVersion:
    """A version that really lies in a directory below `versions`: a true manifest, and bytes in place of an image."""
    contents = {"kernel": b"no kernel", "initramfs": b"no initramfs", "shards/0": b"no shard"}
    kernel, initramfs, part = (
        BootFile(name=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for name, data in contents.items()
    )
    shard = Shard(
        name=part.name,
        kind=Kind.FILES,
        sha256=part.sha256,
        size_bytes=part.size_bytes,
        unpacked_sha256="0" * 64,
        unpacked_bytes=10240,
    )
    manifest = Manifest(
        image="compute",
        distro="fake",
        kernel_release="6.1.0-fake",
        kernel=kernel,
        initramfs=initramfs,
        shards=(shard,),
        entries=1,
        level=3,
    )
    directory = versions / manifest.sha256
    for name, data in {**contents, MANIFEST_NAME: manifest.to_bytes()}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    return ImageVersion(
        image=image(versions / "tree", settings=settings),
        number=1,
        manifest_sha256=manifest.sha256,
        directory=directory,
        size_bytes=manifest.size_bytes,
    )


def node(*, settings: Mapping[str, SettingValue] | None = None) -> Node:
    """The node node001 of group compute, with BOOTIF and BMC, in rack r01 at port 1 of switch sw01."""
    boot = Interface(
        name="BOOTIF",
        mac="52:54:00:00:00:01",
        addresses=(InterfaceAddress(network=BOOT_NETWORK, address=ip_interface("10.141.0.1/16"), gateway=CONTROLLER),),
    )
    bmc = Interface(
        name="BMC",
        type="bmc",
        addresses=(InterfaceAddress(network=BMC_NETWORK, address=ip_interface("10.148.0.1/16")),),
    )
    return Node(
        id="node-1",
        name="node001",
        cluster=cluster(settings),
        group="compute",
        image="compute",
        interfaces=(boot, bmc),
        switch="sw01",
        switch_port="1",
        rack="r01",
    )


def machine(macs: Sequence[str], *, settings: Mapping[str, SettingValue] | None = None) -> Machine:
    """A machine with these cards and with SMBIOS tables, in whose boot menu nothing was chosen."""
    return Machine(
        macs=tuple(macs),
        address="10.141.128.1",
        serial="SN-0001",
        asset_tag="A-0001",
        vendor="Example",
        product="Server 1",
        settings=settings or {},
    )


def plan(*, settings: Mapping[str, SettingValue] | None = None) -> NetworkPlan:
    """A network plan with the controller, two nodes (the second without a MAC) and a BMC."""
    hosts = (
        Host(name="node001", network="cluster", address=ip_address("10.141.0.1"), mac="52:54:00:00:00:01"),
        Host(name="node002", network="cluster", address=ip_address("10.141.0.2")),
        Host(name="controller", network="cluster", address=CONTROLLER, kind="cluster"),
        Host(name="node001", network="ipmi", address=ip_address("10.148.0.1"), mac="52:54:00:00:01:01"),
    )
    return NetworkPlan(cluster=cluster(settings), networks=(BOOT_NETWORK, BMC_NETWORK), hosts=hosts)
