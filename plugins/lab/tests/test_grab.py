"""A node that was configured by hand becomes an image, the image's change reaches the node, and a boot brings both."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luna_core.run import run
from luna_lab.controller import GROUP, IMAGE, Controller
from luna_lab.demo import boot_all, prove, watch
from luna_lab.lab import Lab
from luna_lab.ssh import KEY

BOOT_WITHIN_S = 1500.0
NODE = "node001"
GRABBED = "golden"
# What is the node's own, and what is made anew by each boot.
OWN = "cat /etc/hostname /etc/machine-id /etc/fstab /etc/ssh/ssh_host_ed25519_key.pub; ls /etc/systemd/network"
BY_HAND = "cd /srv && mkdir -m 2750 work && echo by hand > work/file && ln work/file work/link && chown 7:8 work"
ASKED = "stat -c '%a %u %g' /srv/work; stat -c %h /srv/work/link"
LISTING = r"find %s -xdev ! -type d -printf '%%p %%y %%m %%U %%G %%s %%TY-%%Tm-%%Td %%TT %%n %%l\n' | LC_ALL=C sort"
COMPARED = "usr boot srv opt"
pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Done:
    """What a lab gave that booted, grabbed, pushed, packed and booted again."""

    tree: Path
    grabbed: dict[str, Any]
    listings: tuple[str, str]
    own: tuple[str, str]
    pushed: str
    on_running_node: str
    after_boot: str


def transfer(controller: Controller, *words: str) -> str:
    return controller.luna("osimage", *words, "--identity", str(controller.lab.directory / KEY), "--yes")


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    with Lab(memory_mb=1024) as lab:
        controller = Controller(lab)
        controller.serve()
        (node,) = lab.machines
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        controller.luna("osimage", "clone", IMAGE, GRABBED)
        tree = Path(json.loads(controller.luna("osimage", "show", GRABBED, "-o", "json"))["path"])
        own_before = lab.on_node(node, OWN)
        lab.on_node(node, BY_HAND)
        grabbed = json.loads(transfer(controller, "grab", NODE, GRABBED, "-v", "-o", "json"))
        command = LISTING % COMPARED
        listings = run(["sh", "-c", f"cd {tree} && {command}"]), lab.on_node(node, f"cd / && {command}")
        (tree / "srv/pushed").write_text("pushed\n")
        pushed = transfer(controller, "push", GRABBED, NODE)
        on_running_node = lab.on_node(node, "cat /srv/pushed")
        own = own_before, lab.on_node(node, OWN)
        controller.luna("osimage", "pack", GRABBED)
        controller.luna("group", "change", GROUP, "--osimage", GRABBED)
        node.stop()
        before = lab.events.of(node.name)[-1]
        node.start()
        lab.events.wait(node.name, "running the install script", BOOT_WITHIN_S, after=before)
        watch(controller, [NODE], BOOT_WITHIN_S)
        prove(lab, node)
        after_boot = lab.on_node(
            node, "stat -c '%a %u %g' /srv/work; stat -c %h /srv/work/link; cat /srv/work/* /srv/pushed"
        )
        yield Done(tree, grabbed, listings, own, pushed, on_running_node, after_boot)


def test_what_was_changed_by_hand_is_grabbed_and_what_is_the_nodes_own_is_not(done: Done) -> None:
    assert {"+ /srv/work/file", "+ /srv/work/link"} <= set(done.grabbed["names"])
    assert not [name for name in done.grabbed["names"] if "/ssh_host_" in name or "-luna-" in name]
    assert (done.tree / "etc/hostname").read_text().strip() != NODE
    assert {"/proc", "/sys", "/run"} <= set(done.grabbed["left_alone"])


def test_the_grabbed_tree_is_what_the_node_has(done: Done) -> None:
    in_tree, on_node = (set(listing.splitlines()) for listing in done.listings)
    assert in_tree == on_node
    assert len(in_tree) > 1000


def test_a_push_reaches_the_running_node_and_leaves_it_itself(done: Done) -> None:
    before, after = done.own
    assert (done.on_running_node, after) == ("pushed\n", before)
    assert f"Next: luna osimage pack {GRABBED}" in done.pushed


def test_both_changes_are_there_after_a_boot_of_the_packed_image(done: Done) -> None:
    assert done.after_boot.splitlines() == ["2750 7 8", "2", "by hand", "by hand", "pushed"]
