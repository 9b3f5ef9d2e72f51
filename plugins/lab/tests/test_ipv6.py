"""A boot network without IPv4, from the firmware's first request to ssh, the image over BitTorrent."""

from collections.abc import Iterator

import pytest

from luna_lab.controller import Controller
from luna_lab.demo import boot_all, prove, shares
from luna_lab.lab import Lab

BOOT_WITHIN_S = 1500.0
pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    """The full iPXE comes by TFTP, where the other machines with UEFI load snponly."""
    with Lab(memory_mb=1024, ipv6_only=True) as lab:
        controller = Controller(lab)
        controller.luna("settings", "set", "boot.uefi_file", "ipxe.efi")
        controller.serve()
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        yield controller


def test_the_node_is_itself_and_has_no_ipv4_address(controller: Controller) -> None:
    lab = controller.lab
    (node,) = lab.machines
    prove(lab, node)
    assert "inet " not in lab.on_node(node, "ip address show dev boot0")


def test_the_firmware_asked_by_ipv6_and_the_image_came_by_bittorrent(controller: Controller) -> None:
    lab = controller.lab
    (node,) = lab.machines
    assert any("PXE over IPv6" in event.text for event in lab.events.of(node.name))
    assert shares(controller, [node.name]).server_bytes > 50_000_000
    # It is tried first, and another way only after it failed, which is told.
    assert "failed" not in lab.on_node(node, "cat /run/luna/download.log")
