"""An arm64 machine, emulated, from its firmware to a login; where this is no arm64 machine, its tree is packed so too.

It takes half an hour at first, so `make matrix` runs it. Debian's packages for it: qemu-system-arm, qemu-efi-aarch64,
qemu-user-static, binfmt-support, arch-test.
"""

import pytest

from luna_lab.controller import Controller
from luna_lab.demo import boot_all, prove, shares
from luna_lab.lab import Lab

BOOT_WITHIN_S = 1800.0
pytestmark = [pytest.mark.matrix, pytest.mark.timeout(3600)]


def test_an_arm64_machine_boots_from_the_network_by_bittorrent() -> None:
    with Lab(memory_mb=2048, arm64=True) as lab:
        controller = Controller(lab)
        controller.serve()
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        (node,) = lab.machines
        prove(lab, node)
        assert lab.on_node(node, "uname -m") == "aarch64\n"
        assert any("ipxe-arm64.efi" in event.text for event in lab.events.of(node.name))
        assert shares(controller, [node.name]).server_bytes > 50_000_000
        assert "failed" not in lab.on_node(node, "cat /run/luna/download.log")
