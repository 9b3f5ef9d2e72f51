"""Field types that the objects share: each says in its error what would be accepted."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

ENCRYPTED = "encrypted:"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,14}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:=-]{0,62}")
_MAC = re.compile(r"[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}(?:(?:\1[0-9a-f]{2}){14})?")
_PLAIN_MAC = re.compile(r"[0-9a-f]{12}|[0-9a-f]{40}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_WORD = re.compile(r"[!-~]{1,253}")
_ROOT_SIZE = re.compile(r"[1-9][0-9]*[MG]|[1-9][0-9]?%|100%")
_FILE_SYSTEM = re.compile(r"(LABEL|UUID|PARTLABEL|PARTUUID)=[A-Za-z0-9._-]+|/dev/[A-Za-z0-9._:/-]+")
_DNS_SUFFIX = re.compile(r"([a-z0-9-]{0,61}[a-z0-9])?")
_PRINTABLE = re.compile(r"[ -~]*")
_USER = re.compile(r"[!-~]{1,32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RECORD_VALUE = re.compile(r"[^\x00-\x1f\x7f]{1,4096}")
_ENCRYPTED = re.compile(re.escape(ENCRYPTED) + r"[!-~]+")
ETHERNET_DIGITS = 12
# What vendors leave in the SMBIOS tables of boards that they gave no number (DMTF DSP0134, types 1 to 3).
_NO_NUMBERS = frozenset(
    (
        *("", "none", "n/a", "na", "empty", "unknown", "invalid", "default", "default string", "oem", "o.e.m."),
        *("not specified", "not available", "not applicable", "no asset tag", "no asset information", "asset tag"),
        *("to be filled by o.e.m.", "to be filled by oem", "to be set by oem", "serial number", "system serial number"),
        *("base board serial number", "chassis serial number", "chassis asset tag", "asset-1234567890"),
        *("0123456789", "123456789", "1234567890", "123456", "12345678", "xxxxxxxx"),
    )
)


@dataclass(frozen=True)
class Reference:
    """Marks a field that holds the id of an object of this kind; people read and write its name."""

    kind: str


@dataclass(frozen=True)
class Secret:
    """Marks a field that is encrypted at rest and shown as `***`."""


def matching(pattern: re.Pattern[str], accepted: str) -> AfterValidator:
    """A check that a text is as the pattern says; its error says what is `accepted`."""

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
    text = value.strip().lower()
    if not _MAC.fullmatch(text) and not _PLAIN_MAC.fullmatch(text):
        raise ValueError(accepted)
    digits = re.sub(r"[:.-]", "", text)
    if not digits.strip("0"):
        raise ValueError("accepted is the MAC of one interface, not all zeros")
    if len(digits) == ETHERNET_DIGITS and int(digits[:2], 16) & 1:
        raise ValueError("accepted is the MAC of one interface, not a multicast address (IEEE 802, odd first octet)")
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def is_placeholder(number: str) -> bool:
    """Whether a serial number or asset tag is what firmware says where there is none, and so no machine's own."""
    plain = number.strip().lower()
    return plain in _NO_NUMBERS or not plain.strip("0.-")


def _strict_network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    accepted = "accepted is a network as in 10.141.0.0/16 or fd00:141::/64"
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(accepted)
    try:
        parsed = ip_interface(value)
    except ValueError:
        raise ValueError(accepted) from None
    if parsed.ip != parsed.network.network_address:
        raise ValueError(f"accepted is the network's own address, {parsed.network}")
    if parsed.network.is_multicast or parsed.network.prefixlen == 0:
        raise ValueError(accepted)
    return parsed.network


def _one_address(value: object) -> object:
    accepted = "accepted is a host's address as in 10.141.0.1 or fd00:141::1"
    try:
        address = value if isinstance(value, IPv4Address | IPv6Address) else ip_address(str(value))
    except ValueError:
        raise ValueError(accepted) from None
    if address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
        raise ValueError(accepted)
    return address


def _text_of_number(value: object) -> object:
    """In YAML, rack 12 is a number; a float stays one, for 1.10 would become 1.1."""
    return str(value) if type(value) is int else value


Name = Annotated[str, matching(_NAME, "up to 63 letters, digits, '.', '_' and '-', a letter or digit first")]
HostName = Annotated[
    str, matching(_HOST_NAME, "up to 63 lower-case letters, digits and '-', not at either end (RFC 1123)")
]
Domain = Annotated[str, matching(_DOMAIN, "a domain in lower case as in cluster or hpc.example.org")]
InterfaceName = Annotated[
    str, matching(_INTERFACE, "up to 15 letters, digits, '.', '_', ':' and '-' as in eth0, BOOTIF or BMC")
]
Tag = Annotated[str, matching(_TAG, "a word of letters, digits and any of '_.:=-'")]
TEXT_OF_NUMBER = BeforeValidator(_text_of_number)
Text = Annotated[str, TEXT_OF_NUMBER]
Word = Annotated[Text, matching(_WORD, "one word of printable ASCII without spaces")]
Label = Annotated[str, Field(max_length=128), TEXT_OF_NUMBER]
Arguments = Annotated[str, matching(_PRINTABLE, "printable ASCII in one line")]
FileSystem = Annotated[str, matching(_FILE_SYSTEM, "LABEL=name, UUID=number, PARTLABEL=name or /dev/name")]
RootSize = Annotated[str, matching(_ROOT_SIZE, "a size as in 4G, 800M or 60%")]
DnsSuffix = Annotated[str, matching(_DNS_SUFFIX, "lower-case letters, digits and '-', not at its end, or nothing")]
BmcUser = Annotated[str, matching(_USER, "up to 32 characters of printable ASCII without spaces")]
Sha256 = Annotated[str, matching(_SHA256, "64 hexadecimal digits in lower case")]
RecordValue = Annotated[str, matching(_RECORD_VALUE, "one line of up to 4096 characters")]
Mac = Annotated[str, BeforeValidator(normal_mac)]
Address = Annotated[IPv4Address | IPv6Address, BeforeValidator(_one_address)]
Subnetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(_strict_network)]
Mtu = Annotated[int, Field(ge=576, le=65520)]
Vlan = Annotated[int, Field(ge=1, le=4094)]
SecretText = Annotated[str, Secret(), matching(_ENCRYPTED, "what luna encrypted")]
Family = Literal[4, 6]
