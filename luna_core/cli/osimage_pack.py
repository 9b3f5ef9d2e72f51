"""`luna osimage pack`: freezes a tree, or says what that would make different."""

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.objects import name_argument
from luna_core.cli.output import emit_one
from luna_core.cli.progress import Progress

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.operations.images.pack import PackResult
    from luna_core.operations.images.preview import Preview

_MEGABYTE = 1e6


@click.command()
@name_argument("osimage")
@click.option("--fresh", is_flag=True, help="Make the initramfs anew, even if nothing that goes into it has changed.")
@click.option("--dry-run", is_flag=True, help="Show what would differ from the version in force; write nothing.")
@output_option
@pass_luna
def pack(luna: "Luna", name: str, fresh: bool, dry_run: bool, output: str) -> None:
    """Freeze an image's tree into a version, publish it and put it in force."""
    if dry_run:
        from luna_core.operations.images.preview import preview

        with Progress() as progress:
            seen = preview(luna, name, progress)
        emit_one(_previewed(seen) if output == "table" else dataclasses.asdict(seen), output)
        return
    from luna_core.operations.images.pack import pack_image

    began = time.monotonic()
    with Progress() as progress:
        done = pack_image(luna, name, progress, fresh=fresh)
    seconds = time.monotonic() - began
    for problem in done.problems:
        click.echo(f"luna: {problem}", err=True)
    emit_one(_packed(name, done, seconds) if output == "table" else _packed_fields(name, done, seconds), output)


def _packed_fields(name: str, done: "PackResult", seconds: float) -> dict[str, Any]:
    return {
        "osimage": name,
        "version": done.version.number,
        "manifest_sha256": done.version.manifest_sha256,
        "is_new": done.is_new,
        "was_in_force": done.was_in_force,
        "size_bytes": done.version.size_bytes,
        "squashfs_bytes": done.version.squashfs_bytes,
        "new_bytes": done.new_bytes,
        "kernel_bytes": done.kernel_bytes,
        "initramfs_bytes": done.initramfs_bytes,
        "tree_bytes": done.tree_bytes,
        "seconds": round(seconds, 1),
        "left_out": list(done.left_out),
        "private": list(done.private),
        "retired": list(done.retired),
        "problems": list(done.problems),
    }


def _packed(name: str, done: "PackResult", seconds: float) -> dict[str, Any]:
    state = (
        "new"
        if done.is_new
        else "in force already, for nothing changed"
        if done.was_in_force
        else "known, and in force again"
    )
    return {
        "version": f"{done.version.number} ({state})",
        "size": f"{megabytes(done.version.size_bytes)} beside what boots it",
        "boot": f"kernel {megabytes(done.kernel_bytes)}, initramfs {megabytes(done.initramfs_bytes)}",
        "new": megabytes(done.new_bytes),
        "tree": f"{megabytes(done.tree_bytes)} in {seconds:.1f} s, {done.tree_bytes / _MEGABYTE / seconds:.0f} MB/s",
        **({"squashfs": megabytes(done.version.squashfs_bytes)} if done.version.squashfs_bytes else {}),
        **({"left out": "\n".join(done.left_out)} if done.left_out else {}),
        **({"for nodes only": "\n".join(done.private)} if done.private else {}),
        **({"deleted": f"versions {', '.join(map(str, done.retired))}, by retention"} if done.retired else {}),
    }


def _previewed(seen: "Preview") -> dict[str, Any]:
    against = f"version {seen.in_force}" if seen.in_force else "nothing: there is no version yet"
    return {
        "compared with": against,
        "would be new": f"{seen.new_shards} of {seen.shards} shards, {megabytes(seen.new_bytes)}",
        **({"for nodes only": "other private files"} if seen.private_differs else {}),
        **({"squashfs": "another, or none any more"} if seen.squashfs_differs else {}),
        "packages": "\n".join(seen.packages) if seen.in_force and seen.packages else f"{len(seen.packages)} differ",
        "kernel": seen.kernel,
        "initramfs": seen.initramfs,
        **({"left out": "\n".join(seen.left_out)} if seen.left_out else {}),
        "a pack would": "make a new version" if seen.changes_anything else "find nothing changed",
    }


def megabytes(size_bytes: int) -> str:
    """A size for people, in megabytes of 10^6 bytes."""
    return f"{size_bytes / _MEGABYTE:.1f} MB"
