"""HTTPS as docs/how-to/tls.md has it: a node of an image packed before asks in vain, one packed afterwards boots."""

import pytest

from luna_lab.controller import IMAGE, Controller
from luna_lab.demo import boot_all, prove
from luna_lab.lab import CONTROLLER, Lab

BOOT_WITHIN_S = 1500.0
PORT = "7443"
pytestmark = [pytest.mark.matrix, pytest.mark.timeout(3600)]


def test_a_node_believes_its_boot_server_once_its_image_was_packed_with_the_authority() -> None:
    with Lab(memory_mb=1024) as lab:
        controller = Controller(lab)
        controller.luna("tls", "init")
        controller.luna("settings", "set", "https.port", PORT)
        controller.serve()
        (node,) = lab.machines
        node.start()
        lab.events.wait(node.name, "this image was packed before 'luna tls init'", BOOT_WITHIN_S)
        assert "nothing was heard of it" in controller.luna("why", node.name)
        node.stop()
        controller.luna("osimage", "pack", IMAGE)
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        prove(lab, node)
        # After iPXE it asked and told nothing elsewhere.
        assert f"luna.url=https://{CONTROLLER.ip}:{PORT} " in lab.on_node(node, "cat /proc/cmdline")
