"""What a machine is told to fetch first, from what its firmware says of itself. Every DHCP server is told the same.

Firmware loads iPXE, by TFTP or (UEFI HTTP boot) by HTTP; iPXE asks DHCP again and is sent to the boot server.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address

from luna_core.services import configured
from luna_core.services.words import plain
from luna_core.types import Cluster, IPAddress

IPXE_USER_CLASS = "iPXE"
IPXE_OPTION = 175
IPXE_NO_PROXY_DHCP = 176
"""Inside option 175: iPXE need not wait two seconds for a ProxyDHCP server (ipxe.org/howto/dhcpd)."""

HTTP_VENDOR_CLASS = "HTTPClient"
"""UEFI HTTP boot takes no answer that doesn't repeat this vendor class (UEFI 2.10, section 24.7.3.1)."""

HTTP_VENDOR_CLASS_V6 = bytes([0, 0, 1, 0x57, 0, len(HTTP_VENDOR_CLASS)]) + HTTP_VENDOR_CLASS.encode()
"""The same as DHCPv6 carries it: Intel's enterprise number 343, a length and the text (RFC 8415 section 21.16)."""

SCRIPT_PATH = "/boot/ipxe"
FILES_PATH = "/boot/files/"


@dataclass(frozen=True, kw_only=True)
class Firmware:
    """A kind of firmware. `architectures` are the IANA numbers that it gives (RFC 4578, option 93; RFC 5970, 61)."""

    name: str
    architectures: tuple[int, ...]
    setting: str
    http: bool = False


FIRMWARE = (
    Firmware(name="bios", architectures=(0,), setting="boot.bios_file"),
    Firmware(name="uefi", architectures=(7, 9), setting="boot.uefi_file"),
    Firmware(name="arm64", architectures=(11,), setting="boot.arm64_file"),
    Firmware(name="uefi-http", architectures=(16,), setting="boot.uefi_file", http=True),
    Firmware(name="arm64-http", architectures=(19,), setting="boot.arm64_file", http=True),
)


def script_url(cluster: Cluster, frontend: IPAddress) -> str:
    """Where iPXE finds its script."""
    return _http(cluster, frontend) + SCRIPT_PATH


def boot_file(cluster: Cluster, firmware: Firmware, frontend: IPAddress) -> str:
    """What DHCPv4 answers this firmware: a file of the TFTP server, or a URL. Raises BadInput for an odd file name."""
    name = plain(configured.text(cluster, firmware.setting), f"setting {firmware.setting}")
    return _http(cluster, frontend) + FILES_PATH + name if firmware.http else name


def boot_url(cluster: Cluster, firmware: Firmware, frontend: IPAddress) -> str:
    """What DHCPv6 answers this firmware, always a URL (RFC 5970 section 3.1). Raises BadInput as `boot_file`."""
    name = boot_file(cluster, firmware, frontend)
    return name if firmware.http else f"tftp://{_in_url(frontend)}/{name}"


def _http(cluster: Cluster, frontend: IPAddress) -> str:
    return f"http://{_in_url(frontend)}:{configured.number(cluster, 'http.port')}"


def _in_url(address: IPAddress) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)
