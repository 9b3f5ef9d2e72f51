"""A node is fetched into an osimage's tree: all of it that is the system's, and nothing else."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.compare import differences
from luna_core.run import run

Rack = Any
Machine = Any
# At 8 Mbit/s it takes half a minute.
LARGE_BYTES = 32 << 20


@pytest.fixture
def node(rack: Rack) -> Machine:
    return rack.boot()[0]


def change_all_kinds(root: Path) -> None:
    """What an administrator may have done on a running system."""
    work = root / "opt/work"
    work.mkdir(parents=True)
    (work / "plain").write_text("text")
    os.link(work / "plain", work / "second name")
    (work / "link").symlink_to("/nowhere")
    run(["mknod", work / "device", "b", "7", "9"])
    os.mkfifo(work / "pipe", 0o600)
    with (work / "sparse").open("wb") as file:
        file.truncate(4 << 20)
        file.seek(1 << 20)
        file.write(b"data")
    os.setxattr(work / "plain", "user.colour", b"blue")
    os.setxattr(work / "plain", "security.selinux", b"system_u:object_r:usr_t:s0\0")
    # cap_net_raw+ep, as in linux/capability.h
    os.setxattr(
        root / "usr/bin/sleep", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000")
    )
    os.chown(work / "sparse", 4000000, 12345)
    (work / "sparse").chmod(0o4751)
    os.utime(work / "plain", ns=(1, 1_500_000_000_000_000_000))
    (work / "a name\nof two lines").write_text("")
    (root / "etc/os-release").write_text("ID=fake\nNAME=Fake\nVARIANT=changed\n")
    (root / "usr/bin/env").unlink()


def write_own(root: Path, text: str) -> dict[str, str]:
    """Files that are no image's: the node's identity, logs, users' data, what the fake distribution calls network."""
    names = ("etc/hostname", "etc/machine-id", "etc/fstab", "etc/network.fake", "var/log/messages", "home/file")
    for name in names:
        (root / name).write_text(text)
    return dict.fromkeys(names, text)


def read(root: Path, names: dict[str, str]) -> dict[str, str]:
    return {name: (root / name).read_text() for name in names}


def test_a_grab_makes_the_tree_equal_but_for_what_is_the_nodes_or_the_images_own(rack: Rack, node: Machine) -> None:
    tree = rack.site.tree
    images = write_own(tree, "the image's")
    nodes = write_own(node.root, "the node's")
    change_all_kinds(node.root)
    done = rack.luna("osimage grab node001 compute --yes")
    assert done.returncode == 0, done.stderr
    assert "deleted" in done.stdout
    assert "/scratch (tmpfs)" in done.stdout
    assert (read(tree, images), read(node.root, nodes)) == (images, nodes)
    assert not any((tree / "scratch").iterdir()), "what is mounted there belongs to nobody's system"
    found = {(path.strip("'"), what) for path, what, *_ in (one.split(": ") for one in differences(tree, node.root))}
    # Two changes of a directory in one second are the same to rsync.
    unequal = {path for path, what in found if what != "time" or not (tree / path).is_dir()}
    own = {*images, "etc", "etc/ssh", "home", "var/log", "etc/ssh/ssh_host_ed25519_key"}
    mounted = {"proc", "scratch"}
    assert unequal <= own | mounted | {"etc/ssh/ssh_host_ed25519_key.pub"}, differences(tree, node.root)
    assert not [name for name in os.listdir(tree.parent) if name != tree.name], "nothing is left beside it"


def test_nothing_moves_before_somebody_agreed(rack: Rack, node: Machine, tmp_path: Path) -> None:
    run(["cp", "-a", rack.site.tree, tmp_path / "before"])
    change_all_kinds(node.root)
    asked = rack.luna("osimage grab node001 compute")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert "added" in asked.stdout
    shown = json.loads(rack.luna("osimage grab node001 compute --dry-run -v -o json").stdout)
    assert (shown["done"], shown["deleted"]) == (False, 1)
    assert {"+ /opt/work/plain", "* /etc/os-release", "- /usr/bin/env"} <= set(shown["names"])
    assert shown["largest"]["/opt/work/sparse"] == 4 << 20
    assert differences(tmp_path / "before", rack.site.tree) == []


def test_what_is_mounted_is_left_alone_whatever_it_is_called(rack: Rack, node: Machine) -> None:
    """The root once more, a name of two lines, and a file: rsync's rules name each otherwise."""
    for root in (node.root, rack.site.tree):
        (root / "etc/secret").write_text("below")
    node.inside(
        """
        mkdir -p opt/root "opt/two\nlines"
        mount --bind . opt/root
        mount -t tmpfs tmpfs "opt/two\nlines"
        : > "opt/two\nlines/data"
        echo other > run/secret
        mount --bind run/secret etc/secret
        """
    )
    done = rack.luna("osimage grab node001 compute --yes")
    assert done.returncode == 0, done.stderr
    assert "/opt/two?lines (tmpfs)" in done.stdout
    assert {one.name: any(one.iterdir()) for one in (rack.site.tree / "opt").iterdir()} == {
        "root": False,
        "two\nlines": False,
    }
    assert (rack.site.tree / "etc/secret").read_text() == "below"


@pytest.mark.parametrize("answer", ["6.1.0\\033[2Jfake\\n", "6.1.0-fake\\n\\n--\\nID=fake\\n"])
def test_a_machine_that_answers_otherwise_is_refused_and_commands_no_terminal(
    rack: Rack, node: Machine, answer: str
) -> None:
    (node.root / "usr/bin/uname").write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    refused = rack.luna("osimage grab node001 compute --yes")
    assert (refused.returncode, "node001 doesn't run what it is asked to" in refused.stderr) == (1, True)
    assert "\033" not in refused.stderr


def test_a_full_disk_is_named_and_not_left_full(rack: Rack, node: Machine) -> None:
    trees = rack.site.tree.parent
    run(["cp", "-a", rack.site.tree, rack.directory / "saved"])
    run(["mount", "-t", "tmpfs", "-o", "nr_inodes=400", "tmpfs", trees])
    try:
        run(["cp", "-a", rack.directory / "saved", rack.site.tree])
        (node.root / "opt").mkdir()
        for number in range(400):
            (node.root / f"opt/{number}").touch()
        full = rack.luna("osimage grab node001 compute --yes")
        assert (full.returncode, f"{trees} is full" in full.stderr) == (1, True)
        assert "No space left on device" in full.stderr
        assert os.listdir(trees) == [rack.site.tree.name]
        assert differences(rack.directory / "saved", rack.site.tree) == []
    finally:
        run(["umount", trees])


def test_a_new_osimage_is_made_of_a_node_and_recognised(rack: Rack, node: Machine) -> None:
    (node.root / "etc/hostname").write_text("node001\n")
    (node.root / "srv").mkdir()
    (node.root / "srv/data").write_text("")
    done = rack.luna("osimage grab node001 fresh --yes", "--exclude", "/srv/*", "--grab-excludes", "/root/x")
    assert done.returncode == 0, done.stderr
    tree = rack.site.state / "trees/fresh"
    assert (tree / "etc/os-release").read_text() == (node.root / "etc/os-release").read_text()
    assert not (tree / "etc/hostname").exists()
    assert not (tree / "srv/data").exists()
    assert (tree / "proc").is_dir(), "a system needs a place to mount it"
    assert not any((tree / "proc").iterdir())
    assert rack.site.done("osimage show fresh -o json").json["grab_excludes"] == ["/root/x"]
    again = rack.luna("osimage grab node001 fresh --dry-run", "--exclude", "/srv/*")
    assert again.stdout.endswith("as node001 has it.\n"), again.stdout


@pytest.mark.parametrize(
    ("word", "path", "text", "named"),
    [
        ("kernel", "usr/bin/uname", "6.2.0-other", ("6.1.0-fake", "6.2.0-other")),
        ("architecture", "usr/bin/uname", "riscv64", ("riscv64", os.uname().machine)),
        ("distro", "etc/os-release", "ID=other\n", ("other", "fake")),
        ("release", "etc/os-release", "ID=fake\nVERSION_ID=9.4\n", ("fake 9.4", "fake")),
    ],
)
def test_another_kind_of_system_is_refused_by_naming_both(
    rack: Rack, node: Machine, word: str, path: str, text: str, named: tuple[str, ...]
) -> None:
    place = node.root / path
    plain = "6.1.0-fake" if word == "kernel" else os.uname().machine
    place.write_text(place.read_text().replace(plain, text) if path.startswith("usr") else text)
    refused = rack.luna("osimage grab node001 compute --yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert all(one in refused.stderr for one in (*named, f"--force {word}")), refused.stderr
    assert rack.luna(f"osimage grab node001 compute --dry-run --force {word}").returncode == 0


def test_another_host_key_is_refused_and_an_unknown_one_not_learned(rack: Rack, node: Machine) -> None:
    known = rack.directory / "known_hosts"
    key = node.root / "etc/ssh/ssh_host_ed25519_key"
    node.kill()
    key.unlink()
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], stdin="")
    rack.start(node)
    refused = rack.luna("osimage grab node001 compute --yes")
    assert (refused.returncode, "another ssh host key" in refused.stderr) == (1, True)
    unknown = rack.luna(f"osimage grab {node.address} compute --host --yes")
    assert (unknown.returncode, "host keys" in unknown.stderr) == (2, True)
    known.write_text(f"{node.address} {node.public_key}")
    for words in ("node001 compute", f"{node.address} compute --host"):
        done = rack.luna(f"osimage grab {words} --dry-run --known-hosts {known}")
        assert done.returncode == 0, done.stderr


def test_another_account_goes_by_way_of_sudo(rack: Rack, node: Machine) -> None:
    sudo = node.root / "usr/bin/sudo"
    sudo.write_text('#!/bin/sh\necho "$@" >> /root/asked\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    with (node.root / "etc/passwd").open("a") as file:
        file.write("admin:x:0:0::/root:/bin/sh\n")
    assert rack.luna("osimage grab node001 compute --yes --user admin").returncode == 0
    first, *others = (node.root / "root/asked").read_text().splitlines()
    assert first == "--non-interactive sh"
    assert others
    assert all(line.startswith("--non-interactive rsync --server --sender") for line in others)


def test_a_grab_that_is_killed_leaves_the_tree_and_the_next_goes_on(rack: Rack, node: Machine, tmp_path: Path) -> None:
    tree = rack.site.tree
    run(["cp", "-a", tree, tmp_path / "before"])
    (node.root / "aaa").write_bytes(os.urandom(1 << 20))
    (node.root / "zzz").write_bytes(os.urandom(LARGE_BYTES))
    rack.throttle("8mbit")
    process = rack.popen("osimage grab node001 compute --yes")
    drafts = f".{tree.name}.luna-grab-*"
    rack.wait_for_half(process, tree.parent, f"{drafts}/.zzz.*")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert differences(tmp_path / "before", tree) == []
    (draft,) = tree.parent.glob(drafts)
    kept = (draft / "aaa").stat().st_ino
    rack.throttle(None)
    done = rack.luna("osimage grab node001 compute --yes")
    assert done.returncode == 0, done.stderr
    assert (tree / "aaa").stat().st_ino == kept, "what had come was not fetched again"
    assert (tree / "zzz").stat().st_size == LARGE_BYTES
    assert os.listdir(tree.parent) == [tree.name]


def test_nobody_works_in_a_tree_that_is_being_grabbed(rack: Rack, node: Machine) -> None:
    (node.root / "usr/bin/uname").write_text("#!/bin/sh\n: > /root/here\nread never < /root/pipe\n")
    os.mkfifo(node.root / "root/pipe")
    process = rack.popen("osimage grab node001 compute --yes")
    while not (node.root / "root/here").exists():
        assert process.poll() is None
    refused = rack.site("osimage pack compute")
    assert (refused.status, "grabbing osimage compute" in refused.err) == (1, True)
    process.kill()
    process.communicate()
