"""How fast a tree becomes an image version and a tree again, against tar and zstd in the same run.

    python benchmarks/pack.py [TREE] [--scratch /dev/shm] [--rounds 3]

Run it as root, with a tree as `mmdebstrap` makes it; without one it takes 200 MB of this machine's /usr, in two
minutes. The scratch directory takes the tree once or twice and its packed form twice; on a tmpfs the disk has no say.
Times are the best of the rounds; "MB/s per core" is by processor time. A published version is packed and has a torrent.
Last come the sizes of three initramfs, each made once, with everything that goes into it: of Debian with its kernel for
virtual machines, with that for all machines and ipmitool, and with that and all that disk layouts need. Their trees
take some minutes the first time.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ground

from luna_core.boot.compress import decompressed
from luna_core.boot.initramfs import build_initramfs, largest_files
from luna_core.drivers import load
from luna_core.image.pack import Packed, Source, pack
from luna_core.image.versions import private_file
from luna_core.image.writer import LEVEL
from luna_core.node.manifest import Manifest
from luna_core.node.unpack import Unpacker
from luna_core.run import run_contained
from luna_core.settings import MachineSettings
from luna_core.testing import facts
from luna_lab.tree import DISK_PACKAGES, IN_BAND_PACKAGES, PACKAGES, debian_tree
from luna_transport_torrent.plugin import luna_initrd_files
from luna_transport_torrent.publishing import make_torrent

TAR = "--numeric-owner --xattrs --xattrs-include='*'"
ENOUGH_BYTES = 200_000_000
EVERY_DISK = (*DISK_PACKAGES, "xfsprogs", "btrfs-progs")


@dataclass(kw_only=True)
class Figure:
    """The best of several rounds: seconds by the clock, and processor seconds of this process and its children."""

    what: str
    wall_s: float = float("inf")
    cpu_s: float = float("inf")
    size_bytes: int = 0


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path, nargs="?")
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm"))  # noqa: S108 - a tmpfs
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    ground.end_cleanly()
    print(ground.machine())
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        tree = arguments.tree or copied(Path("/usr"), Path(name) / "tree", enough_bytes=ENOUGH_BYTES)
        figures, manifest = measure(tree, Path(name), arguments.rounds)
    sizes = sorted(shard.size_bytes for shard in manifest.shards)
    print(f"{tree}: {manifest.entries} entries, {manifest.unpacked_bytes / 1e6:.0f} MB")
    print(f"{len(sizes)} shards, packed: {percentiles(sizes)}")
    print(f"unpacked: {percentiles(sorted(shard.unpacked_bytes for shard in manifest.shards))}")
    print(f"{'':32} {'seconds':>8} {'CPU s':>8} {'MB/s':>8} {'MB/s per core':>14} {'packed MB':>10}")
    for figure in figures:
        megabytes = manifest.unpacked_bytes / 1e6
        print(
            f"{figure.what:32} {figure.wall_s:8.2f} {figure.cpu_s:8.2f} {megabytes / figure.wall_s:8.0f} "
            f"{megabytes / max(figure.cpu_s, 0.01):14.0f} {figure.size_bytes / 1e6:10.1f}"
        )
    initramfs(arguments.scratch, "virtual machines", PACKAGES)
    initramfs(arguments.scratch, "all machines, ipmitool", IN_BAND_PACKAGES)
    initramfs(arguments.scratch, "all machines, ipmitool, every disk layout", IN_BAND_PACKAGES, EVERY_DISK)


def initramfs(scratch: Path, what: str, packages: Sequence[str], extra: Sequence[str] = ()) -> None:
    """Make the initramfs of a Debian and print its size, which every node loads, and what is large in it."""
    # As in what luna builds; the lab's own trees have one with a C library of its own.
    tree = debian_tree(packages=[name.replace("busybox-static", "busybox") for name in packages], extra=extra)
    distro = load("luna.distro", "debian", MachineSettings())
    image = facts.image(tree)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        made, cache = Path(name) / "initramfs", Path(name) / "runtime"
        making = partial(
            build_initramfs,
            *(tree, distro, image, next(iter(distro.kernels(tree))), made, list(luna_initrd_files(image))),
            runtime_cache=cache,
        )
        figure = timed("", 1, making)
        again = timed("", 1, lambda: decompressed(made.read_bytes()))
        files = largest_files(made, count=8)
        print(
            f"initramfs, {what}: {made.stat().st_size:,} bytes in {figure.cpu_s:.0f} CPU s, "
            f"unpacked in {again.cpu_s:.1f}; at most 30 MB are wanted"
        )
    print("largest in it, unpacked:", ", ".join(f"{Path(path).name} {size / 1e6:.1f} MB" for path, size in files))


def measure(tree: Path, scratch: Path, rounds: int) -> tuple[list[Figure], Manifest]:
    """All figures in the order of the table, and the manifest of luna's version at the usual level."""
    tarball, root, versions = scratch / "tree.tar.zst", scratch / "root", scratch / "versions"
    figures = []
    for threads in ("1", "0"):
        with_tar = f"tar -C {tree} {TAR} --sort=name --format=pax -cf - . | zstd -3 -q -T{threads} -f -o {tarball}"
        figures.append(timed(f"tar | zstd -3 -T{threads}", rounds, partial(run_contained, ["sh", "-c", with_tar])))
        figures[-1].size_bytes = tarball.stat().st_size
    for level in (3, LEVEL):
        packing = partial(packed, tree, versions, level)
        figures.append(timed(f"luna pack, level {level}", rounds, packing, lambda: fresh(versions)))
        version = packed(tree, versions, level)
        figures[-1].size_bytes = version.manifest.size_bytes
    figures.append(timed("its torrent", rounds, partial(make_torrent, versions, version.manifest_sha256)))
    again = timed("luna pack, nothing changed", rounds, lambda: packed(tree, versions, LEVEL, version.directory))
    figures.append(again)
    from_tar = f"zstd -dcq {tarball} | tar -C {root} {TAR} --delay-directory-restore -xpf -"
    figures.append(timed("zstd -d | tar x", rounds, lambda: run_contained(["sh", "-c", from_tar]), lambda: fresh(root)))
    for workers in sorted({1, ground.CORES}):
        what = f"luna unpack, {workers} worker{'s' * (workers > 1)}"
        unpacking = partial(unpacked, version, root, workers)
        figures.append(timed(what, rounds, unpacking, lambda: fresh(root)))
    return figures, version.manifest


def copied(source: Path, tree: Path, *, enough_bytes: float = float("inf"), enough_files: float = float("inf")) -> Path:
    """Whole directories of `source`, in the order of their names, until it is enough."""
    size_bytes = count = 0
    for directory, below, files in os.walk(source):
        below.sort()
        place = tree / Path(directory).relative_to(source)
        place.mkdir(parents=True)
        for name in sorted(files):
            shutil.copy2(Path(directory) / name, place / name, follow_symlinks=False)
            size_bytes += (place / name).lstat().st_size
        count += len(files)
        if size_bytes > enough_bytes or count > enough_files:
            break
    return tree


def timed(what: str, rounds: int, work: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> Figure:
    """Run `work` several times, each after `prepare`, which doesn't count."""
    figure = Figure(what=what)
    for _ in range(rounds):
        prepare()
        wall, cpu = time.monotonic(), sum(os.times()[:4])
        work()
        figure.wall_s = min(figure.wall_s, time.monotonic() - wall)
        figure.cpu_s = min(figure.cpu_s, sum(os.times()[:4]) - cpu)
    return figure


def packed(tree: Path, versions: Path, level: int, previous: Path | None = None) -> Packed:
    """A version of the tree; this file stands for the kernel and the initramfs."""
    file = Path(__file__)
    source = Source(image="benchmark", tree=tree, distro="any", kernel_release="none", kernel=file, initramfs=file)
    return pack(source, versions, level=level, previous=previous)


def unpacked(version: Packed, root: Path, workers: int) -> None:
    """Every shard of the version, unpacked below `root`."""
    with Unpacker(root, version.manifest, workers=workers) as unpacker:
        for shard in version.manifest.shards:
            unpacker.offer(shard.name, version.directory / shard.name)
        if version.manifest.private:
            unpacker.offer_private(private_file(version.directory).read_bytes())
        unpacker.finish()


def fresh(directory: Path) -> Path:
    """The directory, empty."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def percentiles(values: list[int]) -> str:
    """The 10th, 50th and 90th percentile and the largest of sorted sizes."""
    tenth, half, most = (values[len(values) * percent // 100] / 1e6 for percent in (10, 50, 90))
    return f"10 % below {tenth:.2f} MB, half below {half:.2f}, 90 % below {most:.2f}, largest {values[-1] / 1e6:.2f}"


if __name__ == "__main__":
    main()
