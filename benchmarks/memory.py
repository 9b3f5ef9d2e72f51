"""How much memory a node's root takes: a tree unpacked into a tmpfs against a squashfs with an overlay over it.

    python benchmarks/memory.py TREE

Run it as root, with `mksquashfs`. "At most" is while the image comes in and what was received is kept for others.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ground

from luna_core.image.pack import Packed, Source, pack
from luna_core.image.versions import private_file
from luna_core.node.overlay import OverlayMaker
from luna_core.node.taker import ShardTaker
from luna_core.node.unpack import Unpacker
from luna_core.run import run


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    tree = parser.parse_args().tree
    ground.need("mksquashfs")
    print(ground.machine())
    with (
        tempfile.TemporaryDirectory() as name,
        tmpfs(Path(name, "tree")) as whole,
        tmpfs(Path(name, "layers")) as layers,
    ):
        version = packed(tree, Path(name, "versions"))
        take(Unpacker(whole, version.manifest), version)
        in_tree = used_bytes(whole)
        root = layers / "root"
        root.mkdir()
        take(OverlayMaker(layers, root, version.manifest), version)
        in_overlay = used_bytes(layers)
    manifest = version.manifest
    print(f"{tree}: {manifest.entries} entries, {manifest.unpacked_bytes / 1e6:.0f} MB")
    print(f"{'root':10} {'fetched MB':>12} {'in RAM MB':>12} {'at most MB':>12}")
    for kind, fetched, held in (
        ("tmpfs", manifest.size_bytes, in_tree),
        ("overlay", manifest.squashfs_bytes, in_overlay),
    ):
        print(f"{kind:10} {fetched / 1e6:12.0f} {held / 1e6:12.0f} {(fetched + held) / 1e6:12.0f}")


@contextmanager
def tmpfs(path: Path) -> Iterator[Path]:
    """A tmpfs at `path`, which goes with whatever was mounted in it."""
    path.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=90%", "luna-benchmark", path])
    try:
        yield path
    finally:
        run(["umount", "--recursive", "--lazy", path])


def packed(tree: Path, versions: Path) -> Packed:
    """A version of the tree; this file stands for the kernel and the initramfs."""
    file = Path(__file__)
    source = Source(
        image="benchmark",
        tree=tree,
        distro="any",
        kernel_release="none",
        kernel=file,
        initramfs=file,
        squashfs=True,
    )
    return pack(source, versions)


def take(taker: ShardTaker, version: Packed) -> None:
    """Everything of the version that this kind of root is made of."""
    with taker:
        for shard in taker.shards:
            taker.offer(shard.name, version.directory / shard.name)
        if version.manifest.private:
            taker.offer_private(private_file(version.directory).read_bytes())
        taker.finish()


def used_bytes(path: Path) -> int:
    """What a tmpfs holds; its inodes, about a kilobyte each, are not counted."""
    status = os.statvfs(path)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


if __name__ == "__main__":
    main()
