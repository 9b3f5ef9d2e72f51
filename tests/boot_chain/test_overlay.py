"""A node whose root is a squashfs under an overlay: it boots in less memory than its tree takes, and holds the same."""

import re

import pytest

from luna_core.run import run
from luna_lab.controller import GROUP, IMAGE, Controller
from luna_lab.demo import boot_all, prove
from luna_lab.lab import Lab
from luna_lab.tree import debian_tree

WAIT_S = 1500.0
COMPARED = ("usr", "boot", "opt", "srv", "etc/apt", "etc/pam.d", "etc/systemd/system", "var/lib/dpkg", "var/lib/pam")
FILES = r"find %s -xdev ! -type d -printf '%%p %%y %%m %%U %%G %%s %%T@ %%n %%l\n' | LC_ALL=C sort"
FOLDERS = r"find %s -xdev -type d -printf '%%p %%m %%U %%G %%T@\n' | LC_ALL=C sort"
CONTENTS = "find %s -xdev -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort"

pytestmark = pytest.mark.timeout(3000)


def test_a_node_boots_from_a_squashfs_under_an_overlay() -> None:
    with Lab(nodes=1, memory_mb=512) as lab:
        controller = Controller(lab)
        controller.luna("osimage", "change", IMAGE, "--squashfs")
        controller.luna("osimage", "pack", IMAGE)
        controller.luna("group", "change", GROUP, "--root", "overlay")
        controller.serve()
        node = lab.machines[0]
        boot_all(controller, lab.machines, WAIT_S)
        assert prove(lab, node).name == "node001"
        mounts = lab.on_node(node, "cat /proc/mounts")
        assert " / overlay rw" in mounts
        assert " /run/luna" not in mounts, "what the root is made of has no other name"
        assert lab.on_node(node, "stat -c '%a %u %g %s' /etc/shadow").split()[0] == "640"
        memory_kb = dict(re.findall(r"(\w+): +(\d+)", lab.on_node(node, "cat /proc/meminfo")))
        in_ram_mb = int(lab.on_node(node, "df --output=used -B1M / | tail -n 1"))
        tree = debian_tree()
        tree_mb = int(run(["du", "-sm", tree]).split()[0])
        print(
            f"tree {tree_mb} MB; root in RAM {in_ram_mb} MB; available {int(memory_kb['MemAvailable']) >> 10} MB of 512"
        )
        assert in_ram_mb < tree_mb / 2
        places = " ".join(place for place in COMPARED if (tree / place).exists())
        for listing in (FILES, FOLDERS, CONTENTS):
            command = listing % places
            packed = run(["sh", "-c", f"cd {tree} && {command}"])
            found = lab.on_node(node, f"cd / && {command}", timeout_s=WAIT_S)
            assert _lines(found) == _lines(packed)
        lab.spawn("reboot", *lab.ssh_command(node, "systemctl reboot"))
        lab.events.wait(node.name, "reboot: Restarting system", WAIT_S)


def _lines(listing: str) -> list[str]:
    """A squashfs has whole seconds. Compiled Python files appear where root runs Python."""
    return [re.sub(r"(\d{9,})\.\d{10}\b", r"\1", line) for line in listing.splitlines() if "__pycache__" not in line]
