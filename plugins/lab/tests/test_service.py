"""Service mode: a node that stays in the initramfs, with ssh, until it is told otherwise."""

import json

import pytest

from luna_core.testing.delivery import wait_until
from luna_lab.controller import Controller
from luna_lab.lab import Lab

WAIT_S = 900.0
pytestmark = pytest.mark.timeout(2400)


def test_a_node_in_service_mode_installs_nothing_and_boots_on_when_it_is_told_to() -> None:
    with Lab(memory_mb=768, disks_mb=[64]) as lab:
        controller = Controller(lab)
        controller.luna("node", "change", "node001", "--service")
        controller.serve()
        (node,) = lab.machines
        node.start()
        said = lab.events.wait(node.name, "luna: .*service mode: nothing is installed", WAIT_S)
        lab.events.wait(node.name, "luna: .*service started", WAIT_S)
        there = lab.on_node(node, "test -e /etc/initrd-release; lsblk --noheadings /dev/vda; cat /proc/mounts")
        assert "64M" in there
        assert "sysroot" not in there
        # Reports reach the controller by themselves, after the console has them.
        advice = "'luna node change node001 --no-service' and then 'reboot'"
        wait_until(lambda: advice in controller.luna("why", "node001"), advice)
        shown = json.loads(controller.luna("boot", "show", "node001", "--output", "json"))
        assert [event["phase"] for event in shown["events"]] == ["service"]

        controller.luna("node", "change", "node001", "--no-service")
        lab.spawn("reboot", *lab.ssh_command(node, "reboot"))
        lab.events.wait(node.name, "luna: .*partscript done", WAIT_S, after=said)
