"""A machine whose UEFI boots by HTTP, in a network without IPv4, until iPXE was told what it is to boot."""

import pytest

from luna_lab.controller import Controller
from luna_lab.lab import CONTROLLER_IPV6, Lab

WITHIN_S = 600.0
pytestmark = pytest.mark.timeout(1800)


def test_firmware_fetches_ipxe_by_http_over_ipv6_and_ipxe_learns_who_it_is() -> None:
    with Lab(uefi_http=True, ipv6_only=True) as lab:
        Controller(lab).serve()
        (node,) = lab.machines
        node.start()
        lab.events.wait(node.name, f"luna: this is {node.name}, booting compute version 1", WITHIN_S)
        said = "\n".join(event.text for event in lab.events.of(node.name))
    assert "Start HTTP Boot over IPv6" in said
    assert f"URI: http://[{CONTROLLER_IPV6.ip}]:7050/boot/files/snponly.efi" in said
