"""A network: a layer 2 segment with at most one subnet of each address family."""

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from luna_core.model.base import Part, StoredObject
from luna_core.model.fields import Address, Domain, Family, Mtu, Name, RecordValue, Subnetwork, Vlan, Word
from luna_core.types import IPAddress

IPV6_MINIMUM_MTU = 1280


class AddressRange(Part):
    """Addresses from `first` to `last`, both included."""

    first: Address
    last: Address
    comment: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first.version != self.last.version or int(self.first) > int(self.last):
            raise ValueError(f"accepted is a range whose first address {self.first} comes before its last, {self.last}")
        return self

    def __contains__(self, address: IPAddress) -> bool:
        return address.version == self.first.version and int(self.first) <= int(address) <= int(self.last)

    def changed_to(self, *, first: IPAddress | None = None, last: IPAddress | None = None) -> "AddressRange":
        """This range with another end."""
        return AddressRange(first=first or self.first, last=last or self.last, comment=self.comment)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}" if self.first != self.last else str(self.first)


class Subnet(Part):
    """One address family of a network: its addresses, gateway, DHCP pool, and ranges that luna never hands out."""

    network: Subnetwork
    gateway: Address | None = None
    dhcp_range: AddressRange | None = None
    reserved: tuple[AddressRange, ...] = ()

    @property
    def family(self) -> Family:
        """4 or 6."""
        return self.network.version

    @model_validator(mode="after")
    def _inside(self) -> Self:
        hosts = [("gateway", self.gateway)] if self.gateway else []
        if self.dhcp_range:
            hosts += [("dhcp_range", self.dhcp_range.first), ("dhcp_range", self.dhcp_range.last)]
        for title, address in hosts:
            if not self.is_usable(address):
                raise ValueError(f"accepted for {title} are hosts' addresses in {self.network}, not {address}")
        for one in self.reserved:
            if one.first not in self.network or one.last not in self.network:
                raise ValueError(f"accepted is a reserved range in {self.network}, not {one}")
        if self.dhcp_range and self.gateway and self.gateway in self.dhcp_range:
            raise ValueError(f"accepted is a dhcp_range without the gateway {self.gateway}")
        return self

    def is_usable(self, address: IPAddress) -> bool:
        """Whether `address` can be a host's: in the subnet, and not its network or broadcast address."""
        if address not in self.network:
            return False
        network = self.network
        if network.num_addresses <= 2:  # a link of two uses both (RFC 3021, RFC 6164)
            return True
        if address == network.network_address:
            return False
        return network.version == 6 or address != network.broadcast_address

    def held_back(self) -> Iterator[AddressRange]:
        """The ranges from which no address is chosen automatically."""
        if self.gateway:
            yield AddressRange(first=self.gateway, last=self.gateway)
        if self.dhcp_range:
            yield self.dhcp_range
        yield from self.reserved


class ZoneRecord(Part):
    """An extra DNS record, as RFC 1035 writes it; `name` is relative to the network's zone, `@` its top."""

    name: Word
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"]
    value: RecordValue


class Network(StoredObject):
    """See the module."""

    kind: ClassVar[str] = "network"
    name: Name
    type: Literal["ethernet", "infiniband"] = Field("ethernet", description="What kind of link it is.")
    domain: Domain | None = Field(None, description="DNS zone of the network; the network's name if not given.")
    subnets: tuple[Subnet, ...] = ()
    nameservers: tuple[Address, ...] = Field((), description="DNS servers; the cluster's if not given.")
    ntp_servers: tuple[Word, ...] = Field((), description="NTP servers; the cluster's if not given.")
    mtu: Mtu | None = Field(None, description="Largest packet in bytes.")
    vlan: Vlan | None = Field(None, description="VLAN tag that nodes must use on this network.")
    gateway_metric: int = Field(
        100, ge=0, le=65535, description="Which gateway is a node's default route: the lowest; BOOTIF's among equals."
    )
    records: tuple[ZoneRecord, ...] = ()

    @model_validator(mode="after")
    def _one_of_each_family(self) -> Self:
        families = [subnet.family for subnet in self.subnets]
        if len(families) != len(set(families)):
            given = ", ".join(str(subnet.network) for subnet in self.subnets)
            raise ValueError(f"accepted are subnets of which at most one is IPv4 and one IPv6, not {given}")
        if self.mtu and self.mtu < IPV6_MINIMUM_MTU and 6 in families:
            raise ValueError(f"accepted is an mtu of at least 1280 in a network with IPv6 (RFC 8200), not {self.mtu}")
        return self

    @property
    def zone(self) -> str:
        """The name of its DNS zone."""
        return self.domain or self.name.lower().replace("_", "-")

    def subnet(self, family: Family) -> Subnet | None:
        """The subnet of this family, if it has one."""
        return next((subnet for subnet in self.subnets if subnet.family == family), None)

    def subnet_of(self, address: IPAddress) -> Subnet | None:
        """The subnet that contains `address`, if any."""
        return next((subnet for subnet in self.subnets if address in subnet.network), None)
