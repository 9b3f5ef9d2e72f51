"""An image without a distribution: files of random bytes as a tree, a kernel and an initramfs, packed and offered.

For clusters whose nodes fetch all of it and start none of it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from luna_core.image.pack import Packed, Source, pack
from luna_core.image.versions import load_version
from luna_core.model import ImageVersion, OsImage
from luna_core.operations import Luna, Work
from luna_core.operations.images.facts import image_facts
from luna_core.operations.objects import add, change
from luna_core.types import ImageVersion as VersionFacts

_FILE_BYTES = 128 << 10


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What nodes fetch, in bytes. A shard is the least that the torrent has as pieces."""

    image_bytes: int = 1 << 20
    kernel_bytes: int = 100_000
    initramfs_bytes: int = 250_000
    shard_bytes: int = 128 << 10


def offer_random_image(luna: Luna, name: str, directory: Path, sizes: Sizes) -> Packed:
    """Make the osimage `name` with one version that all transports offer; its tree is made in `directory`."""
    tree, kernel, initramfs = (directory / one for one in ("tree", "kernel", "initramfs"))
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/os-release").write_text("ID=random\n")
    for offset in range(0, sizes.image_bytes, _FILE_BYTES):
        (tree / f"file{offset:012}").write_bytes(os.urandom(min(_FILE_BYTES, sizes.image_bytes - offset)))
    kernel.write_bytes(os.urandom(sizes.kernel_bytes))
    initramfs.write_bytes(os.urandom(sizes.initramfs_bytes))
    source = Source(image=name, tree=tree, distro="debian", kernel_release="6.1", kernel=kernel, initramfs=initramfs)
    packed = pack(source, luna.settings.images_directory, level=1, shard_bytes=sizes.shard_bytes)
    luna.change(lambda work: _add(work, name, tree, packed), f"image {name} of random bytes")
    luna.hooks.luna_transport_publish(
        VersionFacts(
            image=image_facts(luna, name),
            number=1,
            manifest_sha256=packed.manifest_sha256,
            directory=packed.directory,
            size_bytes=load_version(packed.directory).size_bytes,
        )
    )
    return packed


def _add(work: Work, name: str, tree: Path, packed: Packed) -> None:
    add(work, OsImage, name, {"path": str(tree), "distro": "debian"})
    change(work, OsImage, name, {"latest": 1})
    size_bytes = packed.manifest.size_bytes
    fields = {"osimage": name, "number": 1, "manifest_sha256": packed.manifest_sha256, "size_bytes": size_bytes}
    add(work, ImageVersion, f"{name}-1", fields)
