"""The records that cross the plugin contract, in both directions.

Records of *facts* are what luna tells a plugin; records of *answers* are what a plugin returns. All are frozen and
keyword-only, so that a field can be added without breaking a plugin. A node's facts are resolved: everything that its
group, the group's parents and the cluster say has been taken into account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network
SettingValue = str | int | float | bool | tuple[str, ...]
T = TypeVar("T")


# ---------------------------------------------------------------------------------------------------------- facts


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """One address family of a network."""

    network: IPNetwork
    gateway: IPAddress | None = None
    dhcp_range: tuple[IPAddress, IPAddress] | None = None


@dataclass(frozen=True, kw_only=True)
class Network:
    """A layer 2 segment with its subnets, at most one of each address family.

    `gateway_metric` says how good its gateways are as default routes of nodes with several: the lowest are preferred.
    """

    name: str
    domain: str
    type: Literal["ethernet", "infiniband"] = "ethernet"
    subnets: tuple[Subnet, ...] = ()
    nameservers: tuple[IPAddress, ...] = ()
    ntp_servers: tuple[str, ...] = ()
    mtu: int | None = None
    vlan: int | None = None
    gateway_metric: int = 100


@dataclass(frozen=True, kw_only=True)
class InterfaceAddress:
    """An address of an interface, with the prefix length and network it belongs to."""

    network: Network
    address: IPInterface
    gateway: IPAddress | None = None


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A network interface of a node. `BOOTIF` is the one that the node boots from, `BMC` its management interface."""

    name: str
    type: Literal["ethernet", "infiniband", "bond", "vlan", "bridge", "bmc"] = "ethernet"
    mac: str | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    dhcp: bool = False
    mtu: int | None = None
    vlan: int | None = None
    parent: str | None = None
    members: tuple[str, ...] = ()
    bond_mode: str | None = None
    infiniband_mode: Literal["datagram", "connected"] | None = None
    options: str = ""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster: its controller's addresses and every setting, the plugins' included, by name."""

    name: str
    domain: str
    frontend_addresses: tuple[IPAddress, ...]
    nameservers: tuple[IPAddress, ...] = ()
    ntp_servers: tuple[str, ...] = ()
    settings: Mapping[str, SettingValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Image:
    """An osimage: a directory tree from which versions are packed."""

    id: str
    name: str
    distro: str
    path: Path
    cluster: Cluster
    kernel_version: str | None = None
    kernel_modules: tuple[str, ...] = ()
    dracut_modules: tuple[str, ...] = ()
    kernel_arguments: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    private_files: tuple[str, ...] = ()
    squashfs: bool = False


@dataclass(frozen=True, kw_only=True)
class ImageVersion:
    """An immutable, packed state of an image.

    `directory` holds manifest.json and all it names but the private files: what is in there may be offered to anybody.
    """

    image: Image
    number: int
    manifest_sha256: str
    directory: Path
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node as it is to boot: its own values, else its group's, the group's parents' or the cluster's."""

    id: str
    name: str
    cluster: Cluster
    group: str
    image: str | None = None
    interfaces: tuple[Interface, ...] = ()
    tags: tuple[str, ...] = ()
    switch: str | None = None
    switch_port: str | None = None
    rack: str | None = None
    kernel_arguments: str = ""
    state: str = "unknown"

    def interface(self, name: str) -> Interface | None:
        """The interface called `name`, or None."""
        return next((one for one in self.interfaces if one.name == name), None)

    def frontends(self) -> tuple[IPAddress, ...]:
        """The controller's addresses: those in the boot network of this node first, then those of families it has."""
        boot = self.interface("BOOTIF")
        own = [one.address for one in boot.addresses] if boot else []

        def distance(frontend: IPAddress) -> int:
            near = any(frontend in address.network for address in own)
            return 0 if near else 1 if any(frontend.version == address.version for address in own) else 2

        return tuple(sorted(self.cluster.frontend_addresses, key=distance))


@dataclass(frozen=True, kw_only=True)
class Switch:
    """An Ethernet switch and how to ask it over SNMP. The secrets never appear in its repr.

    `port_numbers` says what a bare number of a port means: its ifIndex, its bridge port, or either.
    """

    name: str
    addresses: tuple[IPAddress, ...] = ()
    macs: tuple[str, ...] = ()
    snmp_version: Literal["1", "2c", "3"] = "2c"
    community: str = field(default="", repr=False)
    user: str = ""
    auth_protocol: str | None = None
    auth_password: str = field(default="", repr=False)
    privacy_protocol: str | None = None
    privacy_password: str = field(default="", repr=False)
    context: str = ""
    snmp_port: int = 161
    timeout_s: float = 2.0
    vlans: tuple[int, ...] = ()
    port_numbers: Literal["either", "ifindex", "bridge"] = "either"
    uplinks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine that asks who it is. All of this is what it says itself, so anybody could claim it.

    `macs` are lower case with colons, that of the card it boots from first; serial, asset tag, vendor and product come
    from its SMBIOS tables (DMTF DSP0134). `architecture` is iPXE's own, `i386` on every x86 machine with a BIOS.
    `chosen_node` and `chosen_group` are what somebody chose in its boot menu. `settings` are the cluster's, the
    plugins' included.
    """

    macs: tuple[str, ...]
    address: str = ""
    serial: str = ""
    asset_tag: str = ""
    vendor: str = ""
    product: str = ""
    architecture: str = ""
    chosen_node: str = ""
    chosen_group: str = ""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)


# -------------------------------------------------------------------------------------------------------- answers


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[T]):
    """One record and the plugin that gave it."""

    plugin: str
    value: T


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A plugin that failed in a hook where the others go on."""

    plugin: str
    hook: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand of `luna`: `load` is `package.module:attribute` of a click command, imported only when it runs.

    A name such as `switch macs` puts it into that group of luna's own, as the verb `macs`.
    """

    name: str
    load: str
    help: str


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A typed setting of the cluster. Its name begins with the plugin's kind, as in `torrent.port`.

    A number is accepted from `least` to `most`, by default what 32 bits hold, as of programs that are told of it.
    """

    name: str
    default: SettingValue
    help: str
    choices: tuple[str, ...] = ()
    least: float = -(2**31)
    most: float = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The outcome of a health check: `message` says what was found, `remedy` what to do about it."""

    status: Literal["ok", "warning", "failed"]
    message: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A health check for `luna doctor`; `run` may take a few seconds and may raise, which counts as failed."""

    name: str
    run: Callable[[Cluster], CheckResult]


@dataclass(frozen=True, kw_only=True)
class WebApp:
    """A WSGI application (PEP 3333), `package.module:attribute`, mounted in lweb under `/prefix`."""

    prefix: str
    load: str


@dataclass(frozen=True, kw_only=True)
class InitrdFile:
    """A file of the controller that goes into the initramfs at `destination` (an absolute path)."""

    source: Path
    destination: str
    mode: int = 0o644


@dataclass(frozen=True, kw_only=True)
class DracutModule:
    """A dracut module directory of the controller (as in dracut.modules(7)) that goes into the initramfs."""

    directory: Path


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One way for a node to fetch an image version. Lower ranks are tried first."""

    transport: str
    url: str
    rank: int = 50
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A MAC seen somewhere.

    `place` is for people (`switch sw01 port Gi1/0/7`); `node` is the node that belongs there, if the plugin knows, or
    `group` a group of which any free node will do; `age_s` says how old the knowledge is; `confidence` runs from 0 (a
    guess) to 1 (certain). `switch` and `port` are set where the place is the port of a switch that one machine has.
    """

    mac: str
    place: str
    node: str | None = None
    group: str | None = None
    switch: str | None = None
    port: str | None = None
    age_s: float = 0.0
    confidence: float = 1.0


@dataclass(frozen=True, kw_only=True)
class KernelArgument:
    """One kernel argument; `value` None makes a bare word."""

    key: str
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class Postscript:
    """A shell fragment (POSIX sh, run with `set -e` in a process of its own) for a stage of the installation.

    `prescript`, `partscript` and `postscript` run in the initramfs, with the new root at `$NEWROOT` for the last;
    `chroot` runs inside the new root. Fragments of one stage run by ascending rank.
    """

    name: str
    stage: Literal["prescript", "partscript", "postscript", "chroot"]
    text: str
    rank: int = 50


@dataclass(frozen=True, kw_only=True)
class Service:
    """A long-running foreground process that `luna serve` supervises. It stops on SIGTERM.

    `reload_signal` is sent when its configuration changed; without one it is restarted. Without a `user` a plugin's
    service runs as luna's own unprivileged user, where there is one, and a DHCP or DNS driver's as root.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    reload_signal: int | None = None


# -------------------------------------------------------------------------------------------- records for drivers


@dataclass(frozen=True, kw_only=True)
class Key:
    """A value that only one record may hold within a space, such as a name, a MAC or an address.

    Values of one space sort as text (code point order), which is what makes ranges of them meaningful.
    """

    space: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """A stored document. `revision` grows by one with each write."""

    kind: str
    id: str
    revision: int
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The record that holds a key."""

    key: Key
    kind: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Write:
    """One change to a store.

    `revision` is the one that was read (0: the record must not exist yet). `body` None removes the record.
    """

    kind: str
    id: str
    revision: int
    body: Mapping[str, Any] | None
    keys: tuple[Key, ...] = ()


class PowerState(StrEnum):
    """What a BMC says of its node's chassis."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class PowerAction(StrEnum):
    """The IPMI 2.0 chassis control actions (section 28.3)."""

    ON = "on"
    OFF = "off"
    SOFT = "soft"
    RESET = "reset"
    CYCLE = "cycle"


class BootDevice(StrEnum):
    """What a node boots from next."""

    NETWORK = "network"
    DISK = "disk"
    SETUP = "setup"
    DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class BmcTarget:
    """A node's BMC and how to log in to it. Neither password nor options, some of them secret, appear in its repr."""

    node: str
    address: IPAddress
    username: str
    password: str = field(repr=False)
    port: int | None = None
    timeout_s: float = 5.0
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel inside a tree. `path` and `release` are as seen inside; `release` is what `uname -r` prints."""

    release: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class NodeFile:
    """A file that luna writes into the new root of a node."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, kw_only=True)
class Host:
    """A name with an address in a network, for DHCP, DNS and hosts files.

    `mac` is set where DHCP is to give this address to that card. `kind` is the kind of object that it belongs to.
    """

    name: str
    network: str
    address: IPAddress
    mac: str | None = None
    kind: Literal["cluster", "node", "switch", "otherdev"] = "node"


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """An extra record of a network's zone, as RFC 1035 writes it (`name` relative to the zone, `@` for its top)."""

    zone: str
    name: str
    type: str
    value: str


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """Everything that DHCP and DNS servers need to know of the cluster.

    `serial` grows with every change of what is planned. Hosts are sorted by network and address.
    """

    cluster: Cluster
    networks: tuple[Network, ...]
    hosts: tuple[Host, ...]
    records: tuple[DnsRecord, ...] = ()
    serial: int = 1
