"""The objects of a cluster but for networks: what administrators add, change and delete."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from math import isfinite
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from luna_core.model.base import Part, StoredObject
from luna_core.model.fields import (
    TEXT_OF_NUMBER,
    Address,
    Arguments,
    BmcUser,
    Domain,
    HostName,
    InterfaceName,
    Label,
    Mac,
    Name,
    Reference,
    SecretText,
    Sha256,
    Text,
    Vlan,
    Word,
)
from luna_core.model.profile import InterfaceSpec, Profile, Tagged
from luna_core.types import IPAddress, Key

ADDRESS = "address"
CONTROLLER = "controller"
HOST = "host"
UNMANAGED = "unmanaged"
NetworkId = Annotated[str, Reference("network")]


def address_key(network: str | None, address: IPAddress) -> Key:
    """The key that makes an address unique in its network; values sort in the order of the addresses."""
    digits = 8 if address.version == 4 else 32
    return Key(space=f"{ADDRESS}:{network or UNMANAGED}", value=f"{address.version}.{int(address):0{digits}x}")


def keyed_address(value: str) -> IPAddress:
    """The address of a key's value."""
    family, _, digits = value.partition(".")
    return (IPv4Address if family == "4" else IPv6Address)(int(digits, 16))


def _absolute(value: str) -> str:
    if not PurePosixPath(value).is_absolute() or "\0" in value or ".." in PurePosixPath(value).parts:
        raise ValueError("accepted is an absolute path without '..'")
    return value


def _plain(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)):
        return value
    raise ValueError("accepted is a text, a number, true, false or a list of texts")


class Cluster(StoredObject, Profile):
    """The one cluster of a store: the controller's addresses and the defaults for every node."""

    kind: ClassVar[str] = "cluster"
    frontend_addresses: tuple[Address, ...] = Field(
        min_length=1, description="The controller's address on the boot network; one of each family at most."
    )
    domain: Domain = Field("cluster.local", description="Domain that hosts search after their networks' own.")
    nameservers: tuple[Address, ...] = Field((), description="DNS servers to forward to.")
    ntp_servers: tuple[Word, ...] = Field((), description="NTP servers for the nodes.")

    @model_validator(mode="after")
    def _one_of_each_family(self) -> Self:
        families = [address.version for address in self.frontend_addresses]
        if len(families) != len(set(families)):
            given = ", ".join(map(str, self.frontend_addresses))
            raise ValueError(f"accepted are frontend_addresses of which at most one is IPv4 and one IPv6, not {given}")
        return self

    def unique_keys(self) -> Iterator[Key]:
        """A store has one cluster."""
        yield from super().unique_keys()
        yield Key(space="singleton", value=self.kind)


class OsImage(StoredObject):
    """An operating system tree and how it is packed."""

    kind: ClassVar[str] = "osimage"
    path: Annotated[str, AfterValidator(_absolute)] = Field(description="Directory of the tree on the controller.")
    distro: Name = Field("auto", description="Distribution driver; auto recognises it from the tree.")
    kernel_version: Word | None = Field(None, description="Kernel release to boot; the newest if not given.")
    kernel_modules: tuple[Word, ...] = Field((), description="Kernel modules to add to the initramfs.")
    dracut_modules: tuple[Word, ...] = Field((), description="dracut modules to add to the initramfs, -NAME to omit.")
    kernel_arguments: Arguments = Field("", description="Arguments for the kernel.")
    grab_excludes: tuple[str, ...] = Field((), description="Patterns that grab and push leave alone.")
    squashfs: bool = Field(False, description="Pack a squashfs too, for nodes whose root is an overlay.")
    private_files: tuple[str, ...] = Field(
        (), description="Patterns of files that only nodes in a boot session get; -PATTERN: not for its mode alone."
    )
    options: dict[Word, Text] = Field({}, description="What the distribution needs, as KEY=VALUE; KEY= takes it away.")
    latest: int = Field(0, ge=0, description="Number of the version in force; 0 before the first pack.")


class ImageVersion(StoredObject):
    """A packed state of an image. Its name is IMAGE-NUMBER; it never changes."""

    kind: ClassVar[str] = "image_version"
    osimage: Annotated[str, Reference("osimage")]
    number: int = Field(ge=1)
    manifest_sha256: Sha256
    size_bytes: int = Field(ge=0)
    squashfs_bytes: int = Field(0, ge=0)
    initramfs_bytes: int = Field(0, ge=0, description="0 of versions packed before it was kept.")
    packed_at: str = Field("", description="When, as RFC 3339 in UTC.")
    distro: str = ""
    keep: bool = Field(False, description="Not deleted by retention.")

    def unique_keys(self) -> Iterator[Key]:
        """Numbers are unique in their image, and sort."""
        yield from super().unique_keys()
        yield Key(space=f"version:{self.osimage}", value=f"{self.number:08d}")


class BmcSetup(StoredObject):
    """How BMCs are configured and how luna logs in to them."""

    kind: ClassVar[str] = "bmcsetup"
    driver: Name = Field("ipmi", description="BMC driver, such as ipmi or redfish.")
    user: BmcUser = Field("ladmin", description="User to log in as.")
    password: SecretText | None = Field(None, description="Password, from @FILE, @- or a prompt.")
    user_id: int = Field(4, ge=1, le=63, description="IPMI user slot that luna sets up.")
    lan_channel: int = Field(1, ge=0, le=15, description="IPMI LAN channel.")
    management_channel: int = Field(1, ge=0, le=15, description="IPMI channel of the user's privileges.")
    setup: bool = Field(True, description="Set the BMCs of nodes up so while they are installed.")
    unmanaged_users: Literal["keep", "disable", "delete"] = Field("keep", description="What becomes of other users.")
    options: dict[Word, Text] = Field({}, description="What the BMC driver needs, as KEY=VALUE; KEY= takes it away.")
    secret_options: dict[Word, SecretText] = Field(
        {}, description="What the BMC driver needs and nobody may see; KEY= takes it away."
    )


class Group(StoredObject, Profile, Tagged):
    """Nodes that are alike. A group says what its parent group doesn't, or says otherwise."""

    kind: ClassVar[str] = "group"
    parent: Annotated[str, Reference("group")] | None = Field(None, description="Group to inherit from.")
    interfaces: dict[InterfaceName, InterfaceSpec] = Field({})


class NodeInterface(InterfaceSpec):
    """What one node says of an interface. `absent` takes away an interface that its group has."""

    mac: Mac | None = Field(None, description="MAC of this interface.")
    absent: bool = Field(False, description="The node has no such interface though its group does.")


class AssignedAddress(Part):
    """An address of a node's interface in a network."""

    interface: InterfaceName
    network: NetworkId
    address: Address


class Node(StoredObject, Profile, Tagged):
    """A machine. What it doesn't say, its group does."""

    kind: ClassVar[str] = "node"
    name: HostName
    group: Annotated[str, Reference("group")] = Field(description="Group of the node.")
    interfaces: dict[InterfaceName, NodeInterface] = Field({})
    addresses: tuple[AssignedAddress, ...] = ()
    switch: Annotated[str, Reference("switch")] | None = Field(None, description="Switch that it is plugged into.")
    port: Word | None = Field(None, description="Port of the switch: ifName, ifAlias, ifIndex or bridge port.")
    rack: Word | None = Field(None, description="Rack that it is in.")
    serial: Label | None = Field(None, description="SMBIOS serial number.")
    asset_tag: Label | None = Field(None, description="SMBIOS asset tag.")
    disk_key: SecretText | None = Field(None, description="Key of its encrypted disks; luna makes one if need be.")

    @model_validator(mode="after")
    def _one_interface_for_each_mac(self) -> Self:
        macs = self.macs()
        for mac in macs:
            if macs.count(mac) > 1:
                raise ValueError(f"accepted is a MAC on one interface only, not {mac} on several")
        return self

    def macs(self) -> list[str]:
        """Every MAC, that of BOOTIF first."""
        named = sorted(self.interfaces.items(), key=lambda item: (item[0] != "BOOTIF", item[0]))
        return [interface.mac for _, interface in named if interface.mac]

    def unique_keys(self) -> Iterator[Key]:
        """MACs, addresses, the switch port and the name in DNS belong to one node only."""
        yield from super().unique_keys()
        yield Key(space=HOST, value=self.name)
        for mac in self.macs():
            yield Key(space="mac", value=mac)
        for one in self.addresses:
            yield address_key(one.network, one.address)
        if self.switch and self.port:
            yield Key(space=f"port:{self.switch}", value=self.port.lower())
        if self.serial:
            yield Key(space="serial", value=self.serial)
        if self.asset_tag:
            yield Key(space="asset_tag", value=self.asset_tag)


class DeviceAddress(Part):
    """An address of a device in a network, with the MAC that DHCP gives it to."""

    network: NetworkId | None = None
    address: Address
    mac: Mac | None = None


class Device(StoredObject):
    """Anything with addresses that luna doesn't boot."""

    name: HostName
    addresses: tuple[DeviceAddress, ...] = ()

    def unique_keys(self) -> Iterator[Key]:
        """Addresses, MACs and the name in DNS are unique."""
        yield from super().unique_keys()
        yield Key(space=HOST, value=self.name)
        for one in self.addresses:
            yield address_key(one.network, one.address)
            if one.mac:
                yield Key(space="mac", value=one.mac)


class OtherDev(Device):
    """A device that only needs names and addresses: storage, a PDU, a printer."""

    kind: ClassVar[str] = "otherdev"


class Switch(Device):
    """An Ethernet switch whose forwarding table tells which node is on which port."""

    kind: ClassVar[str] = "switch"
    snmp_version: Annotated[Literal["1", "2c", "3"], TEXT_OF_NUMBER] = Field("2c", description="SNMP version.")
    community: SecretText | None = Field(None, description="SNMP v1 or v2c read community, from @FILE, @- or a prompt.")
    user: Word | None = Field(None, description="SNMP v3 user.")
    auth_protocol: Literal["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"] | None = Field(
        None, description="SNMP v3 authentication."
    )
    auth_password: SecretText | None = Field(None, description="SNMP v3 authentication password.")
    privacy_protocol: Literal["DES", "AES", "AES192", "AES256"] | None = Field(None, description="SNMP v3 privacy.")
    privacy_password: SecretText | None = Field(None, description="SNMP v3 privacy password.")
    context: Word | None = Field(None, description="SNMP v3 context, where the switch has several.")
    snmp_port: int = Field(161, ge=1, le=65535, description="UDP port of its SNMP agent.")
    timeout_s: float = Field(2.0, ge=0.1, le=60, description="Seconds to wait for each answer, before asking again.")
    vlans: tuple[Vlan, ...] = Field(
        (), description="VLANs that it must be asked for one by one (Cisco), if it doesn't list them itself."
    )
    port_numbers: Literal["either", "ifindex", "bridge"] = Field(
        "either", description="What a bare number of a port means; with either, one that fits two ports names neither."
    )
    uplinks: tuple[Word, ...] = Field((), description="Ports that lead to other switches, never to a node.")
    rack: Word | None = Field(None, description="Rack that it is in.")


DEVICES: tuple[type[Device], ...] = (Switch, OtherDev)


class NodeState(StoredObject):
    """How far a node got. Its id is the node's; it changes with every boot, so that history leaves it out."""

    kind: ClassVar[str] = "node_state"
    state: str = "unknown"
    since: str = ""
    detail: str = ""

    def unique_keys(self) -> Iterator[Key]:
        """None: it is found by the node's id."""
        return iter(())


class SettingValue(StoredObject):
    """A cluster setting that was given a value."""

    kind: ClassVar[str] = "setting"
    value: Annotated[Any, AfterValidator(_plain)]
