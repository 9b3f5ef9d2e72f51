"""The client classes by which Kea tells firmware and iPXE what to load.

A class for each kind of request is always evaluated; one more for each kind and frontend, with the answer, is
evaluated only where a subnet requires it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from luna_core.services.boot_files import (
    FIRMWARE,
    HTTP_VENDOR_CLASS,
    HTTP_VENDOR_CLASS_V6,
    IPXE_NO_PROXY_DHCP,
    IPXE_OPTION,
    IPXE_USER_CLASS,
    Firmware,
    boot_file,
    boot_url,
    script_url,
)
from luna_core.services.scopes import Family
from luna_core.types import Cluster, IPAddress

Document = dict[str, Any]

IPXE = "ipxe"


def option_definitions(family: Family) -> list[Document]:
    """The options that Kea doesn't know: those that iPXE encapsulates in number 175."""
    if family == 6:
        return []
    return [
        {"name": IPXE, "code": IPXE_OPTION, "space": "dhcp4", "type": "empty", "encapsulate": IPXE},
        {"name": "no-pxedhcp", "code": IPXE_NO_PROXY_DHCP, "space": IPXE, "type": "uint8"},
    ]


def classes(cluster: Cluster, family: Family, frontends: Sequence[IPAddress]) -> list[Document]:
    """Every client class: the kinds of request first, as the others ask for them."""
    answers = [answer for frontend in frontends for answer in _answers(cluster, family, frontend)]
    return [*_requests(family), *answers]


def required_classes(frontend: IPAddress) -> list[str]:
    """The classes with the answers of this frontend."""
    return [f"{name}@{frontend}" for name in (IPXE, *(firmware.name for firmware in FIRMWARE))]


def _requests(family: Family) -> Iterator[Document]:
    text = f"'{IPXE_USER_CLASS}'"
    if family == 4:
        yield {"name": IPXE, "test": f"option[77].hex == {text} or option[{IPXE_OPTION}].exists"}
    else:
        # RFC 8415 section 21.15: each user class comes after its length in two octets.
        yield {"name": IPXE, "test": f"substring(option[15].hex, 2, {len(IPXE_USER_CLASS)}) == {text}"}
    option = 93 if family == 4 else 61
    for firmware in FIRMWARE:
        tests = [f"option[{option}].hex == 0x{number:04x}" for number in firmware.architectures]
        yield {"name": firmware.name, "test": f"({' or '.join(tests)}) and not member('{IPXE}')"}


def _answers(cluster: Cluster, family: Family, frontend: IPAddress) -> Iterator[Document]:
    script = script_url(cluster, frontend)
    if family == 4:
        options = [{"name": IPXE}, {"name": "no-pxedhcp", "space": IPXE, "data": "1"}]
        yield {**_answer(IPXE, frontend), "boot-file-name": script, "option-data": options}
    else:
        yield {**_answer(IPXE, frontend), "option-data": [{"name": "bootfile-url", "data": script}]}
    for firmware in FIRMWARE:
        content = _content_v4 if family == 4 else _content_v6
        yield {**_answer(firmware.name, frontend), **content(cluster, firmware, frontend)}


def _answer(name: str, frontend: IPAddress) -> Document:
    return {"name": f"{name}@{frontend}", "test": f"member('{name}')", "only-if-required": True}


def _content_v4(cluster: Cluster, firmware: Firmware, frontend: IPAddress) -> Document:
    vendor = {"name": "vendor-class-identifier", "data": HTTP_VENDOR_CLASS, "always-send": True}
    options = [vendor] if firmware.http else []
    return {"boot-file-name": boot_file(cluster, firmware, frontend), "option-data": options}


def _content_v6(cluster: Cluster, firmware: Firmware, frontend: IPAddress) -> Document:
    url = {"name": "bootfile-url", "data": boot_url(cluster, firmware, frontend)}
    vendor = {"code": 16, "csv-format": False, "data": HTTP_VENDOR_CLASS_V6.hex(), "always-send": True}
    return {"option-data": [url, vendor] if firmware.http else [url]}
