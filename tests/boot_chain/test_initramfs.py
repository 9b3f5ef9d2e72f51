"""Making an initramfs inside a tree: what is in it, and what the tree and the machine look like afterwards."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from luna_core.boot.initramfs import largest_files
from luna_core.errors import BadInput, CommandFailed
from luna_core.run import run
from luna_core.types import DracutModule, InitrdFile

SHELL_INIT = "base udev-rules luna"

pytestmark = pytest.mark.timeout(1200)


def listed(initramfs: Path) -> dict[str, str]:
    """The mode of each file by its path."""
    lines = run(["sh", "-c", 'zstd -dc "$1" | cpio -tv --quiet', "sh", initramfs]).splitlines()
    return {words[8]: words[0] for line in lines if len(words := line.split()) > 8}


def state(tree: Path) -> list[tuple[str, int, int]]:
    found = [(str(path), path.lstat()) for path in sorted(tree.rglob("*"))]
    return [(name, status.st_mtime_ns, status.st_size) for name, status in found]


def mounts(*places: Path) -> list[str]:
    """Those that name one of the places: other tests mount, too."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if any(str(place) in line for place in places)]


def test_it_holds_lunas_module_the_runtime_and_what_plugins_give_and_the_tree_stays_as_it_was(
    boot_files, tmp_path: Path
) -> None:
    tool = tmp_path / "raidctl"
    tool.write_text("#!/bin/sh\n")
    module = tmp_path / "90raidctl"
    module.mkdir()
    (module / "module-setup.sh").write_text(
        "check() { return 255; }\ndepends() { :; }\ninstall() { inst_simple /etc/debian_version /etc/raidctl; }\n"
    )
    places = (boot_files.tree, tmp_path)
    before, mounted = state(boot_files.tree), mounts(*places)
    answers = [InitrdFile(source=tool, destination="/sbin/raidctl", mode=0o755), DracutModule(directory=module)]
    output = boot_files.initramfs(tmp_path / "initrd", SHELL_INIT, answers=answers)
    files = listed(output)
    assert {"usr/lib/luna/luna-agent.sh", "usr/bin/luna-python", "etc/raidctl"} <= set(files)
    assert "usr/bin/curl" not in files, "its libraries are large, and luna-python can what it can"
    assert files["usr/sbin/raidctl"] == "-rwxr-xr-x"
    (largest, size_bytes), *_ = largest_files(output)
    assert largest in files
    assert size_bytes > 1_000_000
    assert (state(boot_files.tree), mounts(*places)) == (before, mounted)
    assert {path.name for path in tmp_path.iterdir()} == {"raidctl", "90raidctl", "initrd"}


def test_no_password_of_the_image_and_no_empty_one_gets_into_it(boot_files, tmp_path: Path) -> None:
    output = boot_files.initramfs(tmp_path / "initrd", SHELL_INIT)
    passwords = run(["sh", "-c", 'zstd -dc "$1" | cpio -i --quiet --to-stdout etc/passwd etc/shadow', "sh", output])
    roots = [line.split(":")[1] for line in passwords.splitlines() if line.startswith("root:")]
    assert set(roots) == {"*"}


def test_an_initramfs_without_lunas_module_replaces_nothing(boot_files, tmp_path: Path) -> None:
    output = tmp_path / "initrd"
    output.write_text("the one before")
    with pytest.raises(CommandFailed, match="no initramfs with luna's module"):
        boot_files.initramfs(output, "base")
    assert output.read_text() == "the one before"


@pytest.mark.parametrize("destination", ["raidctl", "/usr/lib/luna/python/../../raidctl", "/usr/bin/luna-python"])
def test_a_file_that_can_not_be_placed_is_refused(boot_files, tmp_path: Path, destination: str) -> None:
    tool = tmp_path / "raidctl"
    tool.touch()
    with pytest.raises(BadInput, match="raidctl"):
        boot_files.initramfs(
            tmp_path / "initrd", SHELL_INIT, answers=[InitrdFile(source=tool, destination=destination)]
        )


def test_nothing_stays_mounted_or_running_when_luna_is_killed(boot_files, tmp_path: Path) -> None:
    mounted = mounts(boot_files.tree, tmp_path)
    program = (
        "import sys; from pathlib import Path; from luna_core.boot.initramfs import build_initramfs;"
        "from luna_core.testing import facts; from luna_core.testing.fakes.distro import FakeDistro;"
        "from luna_core.types import Kernel;"
        "tree, work, there = map(Path, sys.argv[1:]);"
        "distro = FakeDistro();"
        "distro.initramfs_command = lambda *_: ['sh', '-c', f'exec sleep 1000 > {there}'];"
        "build_initramfs(tree, distro, facts.image(tree), Kernel(release='1', path=Path('/k')), work / 'initrd',"
        " runtime_cache=work / 'cache')"
    )
    # /dev is the machine's own inside of the tree too, so the pipe's other end is open for as long as that runs.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        there = Path(place, "alive")
        os.mkfifo(there)
        process = subprocess.Popen([sys.executable, "-c", program, boot_files.tree, tmp_path, there])
        try:
            with there.open("rb") as alive:
                assert not select.select([alive], [], [], 0)[0], "it runs"
                process.send_signal(signal.SIGKILL)
                process.wait()
                assert select.select([alive], [], [], 300)[0], "what ran in the tree outlived luna"
            assert mounts(boot_files.tree, tmp_path) == mounted
        finally:
            process.kill()
