"""What a cluster, a group and a node can each say of how nodes boot; the nearest one that says it wins."""

from typing import Annotated, Literal

from pydantic import Field

from luna_core.model.base import Part
from luna_core.model.disks import DiskLayout
from luna_core.model.fields import Arguments, DnsSuffix, FileSystem, InterfaceName, Mtu, Reference, RootSize, Tag, Vlan

InterfaceType = Literal["ethernet", "infiniband", "bond", "vlan", "bridge", "bmc"]
BondMode = Literal["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]


class Profile(Part):
    """Values that are inherited: None means that the next one up decides."""

    osimage: Annotated[str, Reference("osimage")] | None = Field(None, description="Image that nodes boot.")
    image_version: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Number of the image version to stay at; the latest if not given."
    )
    bmcsetup: Annotated[str, Reference("bmcsetup")] | None = Field(None, description="How BMCs are set up and used.")
    boot_address: Literal["static", "dhcp"] | None = Field(
        None, description="How a node gets its address while it boots; static if nobody says."
    )
    local_boot: bool | None = Field(None, description="Boot from the local disk instead of the network.")
    service: bool | None = Field(None, description="Stop in the boot environment with ssh, for service.")
    root: Literal["tmpfs", "overlay", "disk"] | None = Field(
        None, description="Where the root file system lives; tmpfs if nobody says."
    )
    root_size: RootSize | None = Field(None, description="Size of a root in RAM, as in 4G, 800M or 60%.")
    numa_policy: Literal["default", "interleave"] | None = Field(
        None, description="Which NUMA nodes hold a root in RAM (mpol= of tmpfs)."
    )
    shard_cache: FileSystem | None = Field(
        None, description="File system that keeps an image's shards until the next boot, as in LABEL=luna-cache."
    )
    disks: DiskLayout | None = Field(None, description="Layout of the disks, as YAML or JSON; docs/how-to/disks.md.")
    local_boot_after_install: bool | None = Field(
        None, description="Boot from the local disk once an installation to it was seen to come up."
    )
    kernel_arguments: Arguments | None = Field(None, description="Further arguments for the kernel.")
    prescript: str | None = Field(None, description="Shell script that runs before anything else.")
    partscript: str | None = Field(None, description="Shell script that partitions and mounts disks.")
    postscript: str | None = Field(None, description="Shell script that runs in the unpacked image.")


class InterfaceSpec(Part):
    """What a group or a node says of one interface; None means that the next one up decides."""

    type: InterfaceType | None = Field(None, description="Kind of interface.")
    networks: tuple[Annotated[str, Reference("network")], ...] | None = Field(
        None, description="Networks on it; each gives an address."
    )
    dhcp: bool | None = Field(None, description="Let the running system get its address by DHCP.")
    mtu: Mtu | None = Field(None, description="Largest packet in bytes.")
    vlan: Vlan | None = Field(None, description="VLAN tag (type vlan).")
    parent: InterfaceName | None = Field(None, description="Interface that carries the VLAN (type vlan).")
    members: tuple[InterfaceName, ...] | None = Field(None, description="Interfaces in the bond or bridge.")
    bond_mode: BondMode | None = Field(None, description="Linux bonding mode (type bond).")
    infiniband_mode: Literal["datagram", "connected"] | None = Field(
        None, description="How IP goes over InfiniBand; connected takes an MTU of up to 65520 (type infiniband)."
    )
    dns_suffix: DnsSuffix | None = Field(
        None, description="What is added to the node's name in DNS for this interface."
    )
    options: str | None = Field(None, description="Free text for the distribution's interface file.")


class Tagged(Part):
    """Words by which nodes are selected; a node has its groups' too."""

    tags: tuple[Tag, ...] = Field((), description="Words to select nodes by.")
