"""A node with encrypted disks: its TPM boots it without luna, and an installation by its key keeps what is on them."""

import mmap
from dataclasses import dataclass
from pathlib import Path

import pytest

from luna_lab.controller import GROUP, Controller
from luna_lab.demo import Proof, boot_all, prove, watch
from luna_lab.lab import Lab
from luna_lab.tree import DISK_PACKAGES

BOOT_WITHIN_S = 1800.0
ON_DISK = """
disks:
  one:
    match: {serial: disk1}
    partitions:
    - {name: bios, type: bios, size: 1M}
    - {name: boot, size: 160M, format: ext4, mount: /boot}
    - {name: swap, size: 64M, format: swap, encrypt: tpm}
    - {name: scratch, size: 64M, format: ext4, mount: /scratch, keep: true, encrypt: tpm}
    - {name: root, size: rest, format: ext4, mount: /, encrypt: tpm}
"""
IN_MEMORY = ON_DISK.replace("tpm", "key").replace("format: ext4, mount: /,", "format: ext4,")
SECRET, OPEN = "not to be read from the disk", "to be read from the disk by all"
# What an installation leaves, what the system says, and every command line.
SAID = "cat /run/luna/*.log; journalctl --boot; cat /proc/cmdline /proc/[0-9]*/cmdline"
pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Seen:
    """What the node showed after a boot."""

    proof: Proof
    mounts: str
    swaps: str
    crypttab: str
    scratch: str
    said: str


@dataclass(frozen=True)
class Boots:
    """An installation to disk, a boot from there by the TPM, and a boot with the root in memory by luna's key.

    `told` is what the controller and the node's console said, `on_disk` which of the texts its disk has for everyone.
    """

    installed: Seen
    local: Seen
    memory: Seen
    key: str
    told: str
    on_disk: set[str]


def see(lab: Lab) -> Seen:
    (node,) = lab.machines
    return Seen(
        proof=prove(lab, node),
        mounts=lab.on_node(node, "findmnt --real --noheadings --raw --output TARGET,SOURCE,FSTYPE"),
        swaps=lab.on_node(node, "for one in $(swapon --show=NAME --noheadings); do lsblk -no NAME $one; done"),
        crypttab=lab.on_node(node, "cat /etc/crypttab 2> /dev/null || :"),
        scratch=lab.on_node(node, "cat /scratch/file"),
        said=lab.on_node(node, SAID),
    )


def boot_again(controller: Controller, event: str) -> Seen:
    lab = controller.lab
    (node,) = lab.machines
    lab.on_node(node, "sync")
    node.stop()
    before = lab.events.of(node.name)[-1]
    node.start()
    lab.events.wait(node.name, event, BOOT_WITHIN_S, after=before)
    watch(controller, [node.name], BOOT_WITHIN_S)
    return see(lab)


def texts_on(disk: Path) -> set[str]:
    with disk.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {text for text in (SECRET, OPEN) if data.find(text.encode()) >= 0}


@pytest.fixture(scope="module")
def done() -> Boots:
    with Lab(memory_mb=1024, disks_mb=[1536], tpm=True) as lab:
        controller = Controller(lab, extra_packages=DISK_PACKAGES)
        controller.luna("group", "change", GROUP, "--root", "disk", "--disks", "@-", stdin=ON_DISK)
        controller.serve()
        (node,) = lab.machines
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        lab.on_node(node, f"echo '{SECRET}' > /scratch/file; echo '{OPEN}' > /boot/file")
        installed = see(lab)
        controller.luna("node", "change", "node001", "--local-boot")
        local = boot_again(controller, "booting from its own disk")
        lab.on_node(node, "sync")
        on_disk = texts_on(node.disk(1))
        controller.luna("node", "change", "node001", "--no-local-boot")
        controller.luna("group", "change", GROUP, "--root", "tmpfs", "--disks", "@-", stdin=IN_MEMORY)
        memory = boot_again(controller, "booting compute")
        key = controller.luna("node", "disks", "node001", "--show-key").strip()
        told = [(lab.directory / "serve.log").read_text(), node.console.read_text(errors="replace")]
        told += [controller.luna(*words) for words in (("why", "node001"), ("history",), ("export",))]
        return Boots(installed, local, memory, key, "\n".join(told), on_disk)


def mounted(seen: Seen) -> set[str]:
    return {line for line in seen.mounts.splitlines() if "/dev/" in line}


def test_the_tpm_opens_root_scratch_and_swap_when_the_node_boots_from_its_disk(done: Boots) -> None:
    assert done.local.proof == done.installed.proof
    assert mounted(done.local) == {
        "/ /dev/mapper/luna.root ext4",
        "/boot /dev/vda2 ext4",
        "/scratch /dev/mapper/luna.scratch ext4",
    }
    assert done.local.swaps == "luna.swap\n"
    assert done.local.scratch == f"{SECRET}\n"


def test_the_key_opens_what_is_kept_and_makes_the_rest_anew(done: Boots) -> None:
    assert done.memory.proof == done.installed.proof
    assert "partition scratch /dev/vda4 64M: kept, encrypted ext4 at /scratch" in done.memory.said
    assert done.memory.scratch == f"{SECRET}\n"
    assert mounted(done.memory) == {"/boot /dev/vda2 ext4", "/scratch /dev/mapper/luna.scratch ext4"}
    assert done.memory.swaps == "luna.swap\n"
    assert "luna." not in done.memory.crypttab


def test_the_disk_alone_says_nothing(done: Boots) -> None:
    assert done.on_disk == {OPEN}


def test_the_key_is_in_no_log_and_on_no_command_line(done: Boots) -> None:
    assert len(done.key) == 64
    for said in (done.installed.said, done.local.said, done.memory.said, done.told):
        assert "systemd" in said
        assert done.key not in said
