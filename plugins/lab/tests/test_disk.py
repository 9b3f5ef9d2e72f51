"""A node is installed to its disk over an address from DHCP, and boots from that disk from then on."""

from dataclasses import dataclass

import pytest

from luna_lab.controller import GROUP, Controller
from luna_lab.demo import Proof, boot_all, prove, watch
from luna_lab.lab import Lab

BOOT_WITHIN_S = 1500.0
PARTSCRIPT = """
printf 'label: dos\\nstart=1MiB, type=83, bootable\\n' | sfdisk /dev/vda
udevadm settle
mkfs.ext4 -q /dev/vda1
mount /dev/vda1 "$NEWROOT"
"""
pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Said:
    """What the node said of itself over ssh, and luna of the node."""

    proof: Proof
    root: str
    processes: str
    arguments: str
    why: str


@dataclass(frozen=True)
class Boots:
    """The boot that installs, and the one after it."""

    installing: Said
    local: Said


def listen(controller: Controller) -> Said:
    lab = controller.lab
    (node,) = lab.machines
    return Said(
        proof=prove(lab, node),
        root=lab.on_node(node, "findmnt --noheadings --raw --output SOURCE,FSTYPE,OPTIONS /"),
        processes=lab.on_node(node, "cat /proc/[0-9]*/cmdline"),
        arguments=lab.on_node(node, "cat /proc/cmdline"),
        why=controller.luna("why", "node001"),
    )


@pytest.fixture(scope="module")
def done() -> Boots:
    with Lab(memory_mb=768, disks_mb=[2048]) as lab:
        controller = Controller(lab)
        profile = ["--root", "disk", "--boot-address", "dhcp", "--partscript", "@-"]
        controller.luna("group", "change", GROUP, *profile, stdin=PARTSCRIPT)
        controller.serve()
        (node,) = lab.machines
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        installing = listen(controller)
        controller.luna("node", "change", "node001", "--local-boot")
        lab.on_node(node, "sync")
        node.stop()
        before = lab.events.of(node.name)[-1]
        node.start()
        lab.events.wait(node.name, "booting from its own disk", BOOT_WITHIN_S, after=before)
        watch(controller, [node.name], BOOT_WITHIN_S)
        return Boots(installing, listen(controller))


def test_the_installing_boot_has_its_address_from_dhcp_and_its_root_on_the_disk(done: Boots) -> None:
    assert "luna.ip=dhcp" in done.installing.arguments
    assert done.installing.root.startswith("/dev/vda1 ext4 rw")


def test_the_node_boots_from_its_disk_and_is_the_same_node(done: Boots) -> None:
    assert "luna." not in done.local.arguments
    assert "root=UUID=" in done.local.arguments
    assert "mitigations=off" in done.local.arguments, "the group's kernel arguments hold on the disk too"
    assert done.local.root.startswith("/dev/vda1 ext4 rw")
    assert done.local.proof == done.installing.proof


def test_no_process_of_luna_s_is_left_after_either_boot(done: Boots) -> None:
    for boot in (done.installing, done.local):
        assert "luna" not in boot.processes


def test_luna_says_what_it_knows_of_either_boot(done: Boots) -> None:
    assert "began to boot compute version 1" in done.installing.why
    assert done.installing.why.strip().endswith("is up.")
    assert "began to boot from its own disk" in done.local.why
    assert done.local.why.strip().endswith("is up.")


def test_uefi_goes_on_with_what_comes_after_the_network_in_its_boot_order() -> None:
    with Lab(memory_mb=256, uefi=True) as lab:
        controller = Controller(lab)
        controller.luna("node", "change", "node001", "--local-boot")
        controller.serve()
        (node,) = lab.machines
        node.start()
        told = lab.events.wait(node.name, "booting from its own disk", BOOT_WITHIN_S)
        # An entry that ends well would end in the firmware's menu (UEFI specification, section 3.1.1).
        lab.events.wait(node.name, "BdsDxe: failed to start .*UEFI PXEv4", BOOT_WITHIN_S, after=told)
