"""The file system of a node's shard cache is mounted while the image is fetched, and never while disks are set up."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.boot import scripts
from luna_core.boot.facts import BootFacts, Offers
from luna_core.run import run

LIBRARY = """
luna_phase() { shift; "$@"; }
luna_report() { :; }
luna_logged() { shift; "$@"; }
luna_failed() { return 1; }
"""
# In place of the client: fails at its first start, as an attempt that leaves its mounts behind.
CLIENT = """#!/bin/sh
mkdir -p "$NEWROOT/sbin" "$STATE/cache/luna"
: > "$NEWROOT/sbin/init" && chmod +x "$NEWROOT/sbin/init"
mountpoint -q "$STATE/cache" && echo attempt >> "$STATE/cache/luna/attempts"
[ -e "$STATE/second" ] || { : > "$STATE/second"; exit 1; }
"""
PARTSCRIPT = 'mountpoint -q "$STATE/cache" && exit 1; mount -t tmpfs none "$NEWROOT"'


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """A disk with a file system, and where to mount it."""
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    run(["mkfs.ext4", "-q", "-E", "root_owner=0:0", image])
    device = Path(run(["losetup", "--find", "--show", image]).strip())
    yield device
    run(["losetup", "--detach", device])


@pytest.fixture
def on_disk(device: Path, tmp_path: Path) -> Callable[[str], str]:
    """Call it with a shell command to run in the disk's file system."""

    def inside(command: str) -> str:
        script = f"mount {device} {tmp_path}/looked-at && cd {tmp_path}/looked-at && {command}"
        return run(["unshare", "--mount", "sh", "-euc", script])

    (tmp_path / "looked-at").mkdir()
    return inside


@pytest.fixture
def install(
    boot_facts: Callable[..., BootFacts], offers: Callable[..., Offers], tmp_path: Path
) -> Callable[[str], None]:
    """Call it with the file system of the cache to run the install script twice, with mounts of its own."""

    def twice(shard_cache: str) -> None:
        facts = boot_facts(shard_cache=shard_cache, partscript=PARTSCRIPT)
        script = scripts.install_script("http://10.141.255.254:7050", facts, offers(), [])
        (tmp_path / "install.sh").write_text(script.replace("/run/luna", str(tmp_path)))
        environment = {
            "LUNA_LIB": str(tmp_path / "lib"),
            "NEWROOT": str(tmp_path / "sysroot"),
            "STATE": str(tmp_path),
            "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        }
        attempts = f"! sh {tmp_path}/install.sh; umount $NEWROOT; sh {tmp_path}/install.sh && ! mountpoint $STATE/cache"
        run(["unshare", "--mount", "sh", "-c", attempts], environment=environment)

    for name, text in {
        "lib": LIBRARY,
        "status/download": "failed\n",
        "bin/luna-python": CLIENT,
        "bin/chroot": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (tmp_path / "sysroot").mkdir()
    return twice


def test_each_attempt_has_the_cache_and_the_disk_keeps_it(
    install: Callable[[str], None], device: Path, on_disk: Callable[[str], str]
) -> None:
    install(str(device))
    assert on_disk("cat luna/attempts") == "attempt\nattempt\n"


# The file can't be removed where it is immutable, as on a file system that became read-only.
@pytest.mark.parametrize("option", ["-i", "+i"])
def test_a_process_number_of_an_earlier_boot_ends_nobody(
    install: Callable[[str], None], device: Path, on_disk: Callable[[str], str], option: str
) -> None:
    bystander = subprocess.Popen(["sleep", "infinity"])
    try:
        on_disk(f"mkdir luna && echo {bystander.pid} > luna/seeder.pid && chattr {option} luna/seeder.pid")
        install(str(device))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_without_its_disk_a_node_is_installed_all_the_same(install: Callable[[str], None], tmp_path: Path) -> None:
    install("LABEL=no-such-disk")
    assert not (tmp_path / "cache/luna/attempts").exists()
