"""A node with a BIOS and a mirror of two disks: strange data is refused, and one disk is enough to boot from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from luna_core.run import run
from luna_core.testing.delivery import wait_until
from luna_lab.controller import GROUP, Controller
from luna_lab.demo import Proof, boot_all, prove, watch
from luna_lab.events import Event
from luna_lab.lab import Lab
from luna_lab.tree import DISK_PACKAGES

BOOT_WITHIN_S = 1800.0
LAYOUT = """
disks:
  one:
    match: {serial: disk1}%s
    partitions: [{name: bios1, type: bios, size: 1M}, {name: root1, size: rest}]
  two:
    match: {serial: disk2}
    partitions: [{name: bios2, type: bios, size: 1M}, {name: root2, size: rest}]
raids:
  system: {level: 1, members: [root1, root2], format: ext4, mount: /}
"""
pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Said:
    """What the node said of itself over ssh, and luna of the node."""

    proof: Proof
    root: str
    arrays: str
    processes: str
    arguments: str
    why: str


@dataclass(frozen=True)
class Boots:
    """What luna said of the strange data and the disk's hash before and after; then what was said after each boot."""

    refusal: str
    hashes: Sequence[str]
    installing: Said
    local: Said
    degraded: Said


def listen(controller: Controller) -> Said:
    lab = controller.lab
    (node,) = lab.machines
    return Said(
        proof=prove(lab, node),
        root=lab.on_node(node, "findmnt --noheadings --raw --output SOURCE,FSTYPE,OPTIONS /"),
        arrays=lab.on_node(node, "cat /proc/mdstat"),
        processes=lab.on_node(node, "cat /proc/[0-9]*/cmdline"),
        arguments=lab.on_node(node, "cat /proc/cmdline"),
        why=controller.luna("why", "node001"),
    )


def boot_locally(controller: Controller) -> Said:
    (node,) = controller.lab.machines
    before: Event = controller.lab.events.of(node.name)[-1]
    node.start()
    controller.lab.events.wait(node.name, "booting from its own disk", BOOT_WITHIN_S, after=before)
    watch(controller, [node.name], BOOT_WITHIN_S)
    return listen(controller)


@pytest.fixture(scope="module")
def done() -> Boots:
    with Lab(memory_mb=1024, disks_mb=[1024, 1024]) as lab:
        controller = Controller(lab, extra_packages=DISK_PACKAGES)
        profile = ["--root", "disk", "--boot-address", "dhcp", "--local-boot-after-install"]
        controller.luna("group", "change", GROUP, *profile, "--disks", "@-", stdin=LAYOUT % "")
        (node,) = lab.machines
        run(["mkfs.ext4", "-q", "-L", "precious", node.disk(1)])
        before = hashlib.sha256(node.disk(1).read_bytes()).hexdigest()
        controller.serve()
        node.start()
        lab.events.wait(node.name, "luna: .*partscript failed", BOOT_WITHIN_S)
        # Reports reach the controller by themselves, after the console has them.
        wait_until(lambda: "failed in partscript" in controller.luna("why", "node001"), "the report")
        refusal = controller.luna("why", "node001")
        hashes = (before, hashlib.sha256(node.disk(1).read_bytes()).hexdigest())
        controller.luna("group", "change", GROUP, "--disks", "@-", stdin=LAYOUT % "\n    wipe: true")
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        installing = listen(controller)
        lab.on_node(node, "sync")
        node.stop()
        local = boot_locally(controller)
        lab.on_node(node, "sync")
        node.stop()
        node.pull_disk(1)
        return Boots(refusal, hashes, installing, local, boot_locally(controller))


def test_a_disk_with_a_file_system_of_somebody_s_is_refused_by_name_and_left_as_it_is(done: Boots) -> None:
    assert "/dev/vda (serial disk1, 1G)" in done.refusal
    assert "ext4 'precious'" in done.refusal
    assert done.hashes[0] == done.hashes[1]


def test_the_installing_boot_has_its_address_from_dhcp_and_its_root_on_the_mirror(done: Boots) -> None:
    assert "luna.ip=dhcp" in done.installing.arguments
    assert done.installing.root.startswith("/dev/md")
    assert "[UU]" in done.installing.arrays


def test_the_node_boots_from_its_disks_once_it_is_installed_and_is_the_same_node(done: Boots) -> None:
    assert "luna." not in done.local.arguments
    assert "mitigations=off" in done.local.arguments, "the group's kernel arguments hold on the disk too"
    assert " ext4 rw" in done.local.root
    assert "[UU]" in done.local.arrays
    assert done.local.proof == done.installing.proof


def test_it_boots_from_either_disk_alone(done: Boots) -> None:
    assert "[2/1]" in done.degraded.arrays
    assert done.degraded.proof == done.installing.proof


def test_no_process_of_luna_s_is_left_after_a_boot(done: Boots) -> None:
    for boot in (done.installing, done.local):
        assert "luna" not in boot.processes


def test_luna_says_what_it_knows_of_each_boot(done: Boots) -> None:
    assert "began to boot compute version 1" in done.installing.why
    assert done.installing.why.strip().endswith("is up.")
    for boot in (done.local, done.degraded):
        assert "began to boot from its own disk" in boot.why
        assert boot.why.strip().endswith("is up.")
