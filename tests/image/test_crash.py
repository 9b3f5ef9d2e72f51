import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.image.versions import check_version

Pack = Callable[..., Packed]
# Each process says before every step that it is about to do it, and waits for a line: it dies exactly there.
PACK = """
import sys
from pathlib import Path
from luna_core.image.pack import Source, pack
place = Path(sys.argv[1])
def step(*what):
    print(*what, flush=True)
    sys.stdin.readline()
source = Source(image="compute", tree=place / "tree", distro="debian", kernel_release="6.1.0",
                kernel=place / "kernel", initramfs=place / "initramfs")
pack(source, place / "versions", previous=Path(sys.argv[2]), progress=step, shard_bytes=1 << 16)
print("end")
"""
UNPACK = """
import sys
from pathlib import Path
from luna_core.image.versions import private_file
from luna_core.node.manifest import parse_manifest
from luna_core.node.place import Placer
from luna_core.node.unpack import Unpacker
place_file = Placer.file
def file(placer, entry):
    sys.stdout.write("file\\n")  # in one piece, for two threads say it
    sys.stdout.flush()
    sys.stdin.readline()
    place_file(placer, entry)
Placer.file = file
version = Path(sys.argv[1])
manifest = parse_manifest((version / "manifest.json").read_bytes())
with Unpacker(Path(sys.argv[2]), manifest, workers=2) as unpacker:
    for shard in manifest.shards:
        unpacker.offer(shard.name, version / shard.name)
    if manifest.private:
        unpacker.offer_private(private_file(version).read_bytes())
    unpacker.finish()
"""


def interrupted(script: str, *arguments: Path, steps: int, how: signal.Signals) -> str:
    """Let a process take some steps, then kill it; returns the step it was at."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        for _ in range(steps):
            process.stdin.write("\n")
            process.stdin.flush()
            line = process.stdout.readline()
        process.send_signal(how)
        process.stdin.close()
        process.wait()
    return line


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_pack_that_dies_leaves_the_version_before(
    many: Path, tmp_path: Path, packed: Pack, how: signal.Signals
) -> None:
    versions = tmp_path / "versions"
    old = packed(many)
    (many / "directory03" / "new").write_text("new")
    number_of_steps = len(old.manifest.shards) + 2
    for steps in [0, 1, number_of_steps - 1, *random.sample(range(2, number_of_steps - 1), 4)]:
        assert interrupted(PACK, tmp_path, old.directory, steps=steps, how=how) not in ("", "end\n")
        assert [path.name for path in versions.glob("[!.]*")] == [old.directory.name]
        assert check_version(old.directory) == []
        if how == signal.SIGINT:
            assert [path.name for path in versions.glob(".*")] == [".lock"]
    new = packed(many, previous=old.directory)
    assert [path.name for path in versions.glob(".*")] == [".lock"]
    assert check_version(new.directory) == []
    assert packed(many, tmp_path / "fresh").manifest_sha256 == new.manifest_sha256


def test_an_unpack_that_dies_is_done_again(
    hostile: Path, root: Path, packed: Pack, unpacked: Callable[..., object]
) -> None:
    version = packed(hostile)
    for steps in random.sample(range(40), 3):
        assert interrupted(UNPACK, version.directory, root, steps=steps, how=signal.SIGKILL) == "file\n"
    unpacked(version)
    assert differences(hostile, root) == []
