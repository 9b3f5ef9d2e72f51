"""Field types that the objects share: each says in its error what would be accepted."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

ENCRYPTED = "encrypted:"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=-]{0,62}")
_HEX = re.compile(r"[0-9a-f]+")
_WORD = re.compile(r"[!-~]{1,253}")
ETHERNET_DIGITS = 12
INFINIBAND_DIGITS = 40


@dataclass(frozen=True)
class Reference:
    """Marks a field that holds the id of an object of this kind; people read and write its name."""

    kind: str


@dataclass(frozen=True)
class Secret:
    """Marks a field that is encrypted at rest and shown as `***`."""


def _matching(pattern: re.Pattern[str], accepted: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"accepted is {accepted}")
        return value

    return AfterValidator(check)


def normal_mac(value: object) -> str:
    """A MAC in lower case with colons; six octets, or the twenty of an InfiniBand interface (RFC 4391).

    Raises ValueError for a text of another form, a multicast address or all zeros.
    """
    accepted = "accepted is a MAC as in 52:54:00:12:34:56, 52-54-00-12-34-56, 5254.0012.3456 or 525400123456"
    if not isinstance(value, str):
        raise ValueError(accepted)
    digits = re.sub(r"[:.-]", "", value.strip().lower())
    if not _HEX.fullmatch(digits) or len(digits) not in (ETHERNET_DIGITS, INFINIBAND_DIGITS):
        raise ValueError(accepted)
    if not digits.strip("0"):
        raise ValueError("accepted is the MAC of one interface, not all zeros")
    if len(digits) == ETHERNET_DIGITS and int(digits[:2], 16) & 1:
        raise ValueError("accepted is the MAC of one interface, not a multicast address (IEEE 802, odd first octet)")
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def _strict_network(value: object) -> object:
    if isinstance(value, str) and "/" in value:
        address, _, _ = value.partition("/")
        try:
            parsed = IPv6Network(value, strict=False) if ":" in address else IPv4Network(value, strict=False)
        except ValueError:
            raise ValueError("accepted is a network as in 10.141.0.0/16 or fd00:141::/64") from None
        if str(parsed.network_address) != address and parsed.network_address != type(parsed.network_address)(address):
            raise ValueError(f"accepted is the network's own address, {parsed}")
        return parsed
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    raise ValueError("accepted is a network as in 10.141.0.0/16 or fd00:141::/64")


def _one_address(value: object) -> object:
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        return IPv6Address(value) if isinstance(value, str) and ":" in value else IPv4Address(str(value))
    except ValueError:
        raise ValueError("accepted is an address as in 10.141.0.1 or fd00:141::1") from None


Name = Annotated[str, _matching(_NAME, "up to 63 letters, digits, '.', '_' and '-', a letter or digit first")]
HostName = Annotated[
    str, _matching(_HOST_NAME, "up to 63 lower-case letters, digits and '-', not at either end (RFC 1123)")
]
Domain = Annotated[str, _matching(_DOMAIN, "a domain in lower case as in cluster or hpc.example.org")]
InterfaceName = Annotated[
    str, _matching(_INTERFACE, "up to 15 letters, digits, '.', '_', ':' and '-' as in eth0, BOOTIF or BMC")
]
Tag = Annotated[str, _matching(_TAG, "a word of letters, digits and any of '_.:=-'")]
Word = Annotated[str, _matching(_WORD, "one word of printable ASCII without spaces")]
Mac = Annotated[str, BeforeValidator(normal_mac)]
Address = Annotated[IPv4Address | IPv6Address, BeforeValidator(_one_address)]
Subnetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(_strict_network)]
Mtu = Annotated[int, Field(ge=576, le=65520)]
Vlan = Annotated[int, Field(ge=1, le=4094)]
SecretText = Annotated[str, Secret()]
Family = Literal[4, 6]
