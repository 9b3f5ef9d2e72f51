"""An osimage's tree reaches running nodes, wave after wave, and leaves each what is its own."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.compare import differences

Rack = Any
Machine = Any
OWN = ("etc/hostname", "etc/machine-id", "etc/network.fake", "var/log/messages", "home/file")
# At 8 Mbit/s it takes half a minute.
LARGE_BYTES = 32 << 20


def new_software(tree: Path) -> None:
    (tree / "opt/new").mkdir(parents=True)
    (tree / "opt/new/tool").write_text("tool")
    (tree / "opt/new/tool").chmod(0o4755)
    os.link(tree / "opt/new/tool", tree / "opt/new/alias")
    os.setxattr(tree / "opt/new/tool", "user.colour", b"blue")
    os.chown(tree / "opt/new", 12, 34)
    (tree / "etc/shadow").write_text("root:*:19001::::::\nadded:*:19001::::::\n")


def write_own(root: Path, text: str) -> None:
    for name in OWN:
        (root / name).write_text(text)


def unequal(tree: Path, machine: Machine) -> set[str]:
    """The names that differ, but for directories' times and what each node has for itself."""
    lines = [line for line in differences(tree, machine.root) if ": time: " not in line]
    return {line.split(": ")[0].strip("'") for line in lines} - {*OWN, "proc", "scratch", "etc/ssh/sshd_config"}


def test_a_push_changes_every_node_and_nothing_that_is_its_own(rack: Rack) -> None:
    nodes = rack.boot(3)
    tree = rack.site.tree
    new_software(tree)
    write_own(tree, "the image's")
    for machine in nodes:
        write_own(machine.root, machine.name)
    (nodes[2].root / "opt").mkdir()
    (nodes[2].root / "opt/local").write_text("")
    done = rack.luna("osimage push compute @nodes --yes")
    assert done.returncode == 0, done.stderr
    assert "node[001-002] would get:" in done.stdout, "what is alike is shown once"
    assert "Next: luna osimage pack compute" in done.stdout
    keys = {"etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub"}
    for machine in nodes:
        assert unequal(tree, machine) == keys | ({"opt/local"} if machine is nodes[2] else set())
        assert {(machine.root / name).read_text() for name in OWN} == {machine.name}
    again = rack.luna("osimage push compute @nodes --yes")
    assert again.stdout == "node[001-003]: as the image has it already\n"
    rack.site.pack()
    (tree / "opt/later").write_text("")
    rack.site.pack()
    assert "The tree is as version 2" in rack.luna("osimage push compute node001 --yes").stdout


def test_only_with_delete_goes_what_the_image_has_not_and_never_what_is_private(rack: Rack) -> None:
    (node,) = rack.boot()
    kept = ("etc/wireguard/key", "var/log/messages", "scratch/below", "etc/fstab")
    (node.root / "scratch").mkdir(exist_ok=True)
    for name in (*kept, "opt/stale"):
        (node.root / name).parent.mkdir(exist_ok=True)
        (node.root / name).write_text("node")
    plain = json.loads(rack.luna("osimage push compute node001 --dry-run -o json").stdout)
    assert (plain[0]["deleted"], plain[0]["done"]) == (0, False)
    assert (node.root / "opt/stale").exists()
    assert rack.luna("osimage push compute node001 --delete --yes").returncode == 0
    assert not (node.root / "opt").exists()
    assert {(node.root / name).read_text() for name in kept} == {"node"}


def test_a_node_that_is_refused_keeps_the_others_waiting_unless_one_may_fail(rack: Rack) -> None:
    nodes = rack.boot(3)
    (rack.site.tree / "new").write_text("")
    (nodes[1].root / "etc/os-release").write_text("ID=other\n")
    stopped = rack.luna("osimage push compute @nodes --yes")
    assert stopped.returncode == 1
    assert "node002 runs other, and osimage compute holds fake" in stopped.stderr
    assert "node[001,003]: not begun" in stopped.stderr
    assert not any((machine.root / "new").exists() for machine in nodes)
    went = rack.luna("osimage push compute @nodes --yes --max-failures 1 -o json")
    rows = {row["node"]: (row["done"], bool(row["error"])) for row in json.loads(went.stdout)}
    assert rows == {"node001": (True, False), "node002": (False, True), "node003": (True, False)}
    assert (went.returncode, [(one.root / "new").exists() for one in nodes]) == (1, [True, False, True])


def test_a_node_that_dies_on_the_way_ends_the_waves_and_the_next_push_goes_on(rack: Rack) -> None:
    first, second = rack.boot(2)
    (rack.site.tree / "aaa").write_bytes(os.urandom(1 << 20))
    (rack.site.tree / "zzz").write_bytes(os.urandom(LARGE_BYTES))
    rack.throttle("8mbit")
    process = rack.popen("osimage push compute @nodes --yes --wave 1")
    rack.wait_for_half(process, first.root, ".zzz.*")
    first.kill()
    _, said = process.communicate()
    assert process.returncode == 1
    assert "node001: not done" in said
    assert "%" not in said, "the progress is no part of what went wrong"
    assert "node002: not begun" in said
    assert not (second.root / "aaa").exists()
    arrived = (first.root / "aaa").stat().st_ino
    rack.throttle(None)
    rack.start(first)
    done = rack.luna("osimage push compute @nodes --yes --wave 1")
    assert done.returncode == 0, done.stderr
    assert (first.root / "aaa").stat().st_ino == arrived, "what had arrived was not sent again"
    assert {(one.root / "zzz").stat().st_size for one in (first, second)} == {LARGE_BYTES}


def test_ctrl_c_says_which_nodes_are_left_and_the_next_push_goes_on(rack: Rack) -> None:
    first, second = rack.boot(2)
    (rack.site.tree / "zzz").write_bytes(os.urandom(LARGE_BYTES))
    rack.throttle("8mbit")
    process = rack.popen("osimage push compute @nodes --yes --wave 1")
    rack.wait_for_half(process, first.root, ".zzz.*")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "interrupted; node[001-002]: not done, or in part." in said
    assert not (second.root / "zzz").exists()
    rack.throttle(None)
    assert rack.luna("osimage push compute @nodes --yes").returncode == 0
    assert {(one.root / "zzz").stat().st_size for one in (first, second)} == {LARGE_BYTES}
    assert not any(first.root.glob(".zzz.*")), "what had half arrived is nowhere"


def test_a_node_that_told_no_host_keys_is_not_pushed_to(rack: Rack) -> None:
    rack.boot()
    rack.site.done("node add node002 --group nodes --mac 52:54:00:00:00:02")
    refused = rack.luna("osimage push compute node002 --yes")
    assert (refused.returncode, "node002: its ssh host keys are not known" in refused.stderr) == (1, True)


@pytest.mark.parametrize("mounted", ["/home nfs4", "/usr/share ext4"])
def test_a_file_system_that_is_no_part_of_the_system_is_left_alone(mounted: str) -> None:
    """The kernel's table is given, for a test can't mount what is on other machines."""
    from luna_core.operations.transfer.mounts import Mount, foreign

    place, kind = mounted.split()
    table = f"22 1 254:1 / / rw - ext4 /dev/vda1 rw\n23 22 254:2 / {place} rw,relatime shared:1 - {kind} x rw\n"
    bind = f"24 22 254:2 /below {place}\\040bound rw - {kind} x rw\n"
    root_again = "25 22 254:1 / /opt/root rw - ext4 /dev/vda1 rw\n"
    own = {Mount(place, kind)} if kind == "ext4" else set()
    left_alone = {Mount(place, kind), Mount(f"{place} bound", kind), Mount("/opt/root", "ext4")}
    assert set(foreign(table + bind + root_again)) == left_alone - own
