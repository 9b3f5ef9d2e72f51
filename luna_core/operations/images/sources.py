"""What a tree can be imported from: a directory, a tar archive, an OCI image layout."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.operations.images import oci, trees
from luna_core.run import run

Tell = Callable[[str], None]
_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".txz", ".tar.xz", ".tzst", ".tar.zst", ".tar.bz2")
# Owners by number, every extended attribute (capabilities, SELinux labels and ACLs are such), directory times last.
EXTRACT = (
    *("tar", "--extract", "--numeric-owner", "--same-owner", "--preserve-permissions", "--delay-directory-restore"),
    *("--acls", "--selinux", "--xattrs", "--xattrs-include=*"),
)
_USUAL_EXPANSION = 4


@dataclass(frozen=True)
class TreeSource:
    """Something that holds a tree: what it takes on the disk, about, and how to unpack it into a directory."""

    size_bytes: int
    unpack: Callable[[Path, Tell], None]


def recognise(given: str) -> TreeSource:
    """What was given; `LAYOUT:REFERENCE` names one image of several in an OCI layout. Raises BadInput."""
    path = Path(given)
    layout, _, reference = given.rpartition(":")
    if path.is_dir() and oci.is_layout(path):
        return _of_layout(oci.Layout(path), "")
    if layout and Path(layout).is_dir() and oci.is_layout(Path(layout)):
        return _of_layout(oci.Layout(Path(layout)), reference)
    if path.is_dir():
        return TreeSource(trees.size_bytes(path), lambda draft, tell: trees.copy_tree(path, draft))
    if path.is_file() and path.name.endswith(_SUFFIXES):
        expansion = 1 if path.suffix == ".tar" else _USUAL_EXPANSION
        return TreeSource(path.stat().st_size * expansion, lambda draft, tell: _extract(path, draft))
    what = "which does not exist" if not path.exists() else "which is none of these"
    raise BadInput(
        f"--from: {given!r} was given, {what}; accepted are a directory with a tree in it, a tar archive "
        f"({', '.join(_SUFFIXES)}), and a directory with an OCI image layout, as DIRECTORY or DIRECTORY:REFERENCE."
    )


def refuse_no_system(tree: Path, source: str) -> None:
    """Raise BadInput if there is no operating system at the top of a tree."""
    if (tree / "usr").is_dir() and (tree / "etc").is_dir():
        return
    names = sorted(one.name for one in tree.iterdir())[:8]
    if "oci-layout" in names:
        raise BadInput(f"--from: {source!r} holds an OCI image layout; unpack it, and give its directory.")
    raise BadInput(
        f"--from: {source!r} was given; accepted is what has /usr and /etc at its top. At its top are: "
        f"{', '.join(names) or 'nothing'}."
    )


def _of_layout(layout: oci.Layout, reference: str) -> TreeSource:
    layers = layout.layers(reference)
    size_bytes = sum(layer.path.stat().st_size for layer in layers) * _USUAL_EXPANSION

    def unpack(draft: Path, tell: Tell) -> None:
        for number, layer in enumerate(layers, 1):
            tell(f"layer {number} of {len(layers)}: checking {layer.digest}")
            layer.verify()
            tell(f"layer {number} of {len(layers)}: unpacking")
            oci.prepare(draft, layer)
            _extract(layer.path, draft, "--exclude=.wh.*")

    return TreeSource(size_bytes, unpack)


def _extract(archive: Path, draft: Path, *options: str) -> None:
    with archive.open("rb") as file:
        is_zstd = file.read(4) == b"\x28\xb5\x2f\xfd"
    if is_zstd and shutil.which("zstd") is None:
        raise BadInput(f"{archive} is compressed with zstd, which is not installed; 'apt install zstd' does that.")
    run([*EXTRACT, *options, f"--directory={draft}", f"--file={archive.absolute()}"])
