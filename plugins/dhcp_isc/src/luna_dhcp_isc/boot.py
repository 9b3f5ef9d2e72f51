"""The conditions by which dhcpd tells firmware and iPXE what to load (dhcp-eval(5))."""

from collections.abc import Iterator

from luna_core.services.boot_files import (
    FIRMWARE,
    HTTP_VENDOR_CLASS,
    HTTP_VENDOR_CLASS_V6,
    IPXE_USER_CLASS,
    Firmware,
    boot_file,
    boot_url,
    script_url,
)
from luna_core.types import Cluster, IPAddress


def boot_v4(cluster: Cluster, frontend: IPAddress) -> Iterator[str]:
    """The statements for DHCPv4, at the level of a subnet."""
    yield f"next-server {frontend};"
    yield f'if option user-class = "{IPXE_USER_CLASS}" or exists ipxe-options {{'
    yield f'    filename "{script_url(cluster, frontend)}";'
    yield "    option ipxe.no-pxedhcp 1;"
    for firmware in FIRMWARE:
        yield f"}} elsif {_is(firmware, 'boot-architecture')} {{"
        yield f'    filename "{boot_file(cluster, firmware, frontend)}";'
        if firmware.http:
            yield f'    option vendor-class-identifier "{HTTP_VENDOR_CLASS}";'
            # dhcpd sends what the client asked for, and some firmware forgets to ask for option 60.
            yield "    option dhcp-parameter-request-list = concat(option dhcp-parameter-request-list, 3c);"
    yield "}"


def boot_v6(cluster: Cluster, frontend: IPAddress) -> Iterator[str]:
    """The statements for DHCPv6, at the level of a subnet."""
    # RFC 8415 section 21.15: each user class comes after its length in two octets.
    yield f'if substring(option dhcp6.user-class, 2, {len(IPXE_USER_CLASS)}) = "{IPXE_USER_CLASS}" {{'
    yield f'    option dhcp6.bootfile-url "{script_url(cluster, frontend)}";'
    for firmware in FIRMWARE:
        yield f"}} elsif {_is(firmware, 'dhcp6.boot-architecture')} {{"
        yield f'    option dhcp6.bootfile-url "{boot_url(cluster, firmware, frontend)}";'
        if firmware.http:
            yield f"    option dhcp6.vendor-class {HTTP_VENDOR_CLASS_V6.hex(':')};"
    yield "}"


def _is(firmware: Firmware, option: str) -> str:
    return " or ".join(f"option {option} = 00:{number:02x}" for number in firmware.architectures)
