"""`luna osimage version`: what was packed of an image, and which of it nodes boot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import versions
from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.objects import name_argument
from luna_core.cli.osimage_pack import megabytes
from luna_core.cli.output import emit
from luna_core.errors import LunaError

if TYPE_CHECKING:
    from luna_core.operations import Luna

COLUMNS = ("number", "in_force", "packed_at", "size", "initramfs", "pinned", "used_by")
_number = click.argument("number", type=click.IntRange(1), shell_complete=versions)


@click.group()
def version() -> None:
    """The packed versions of an image."""


@version.command("list")
@name_argument("osimage")
@output_option
@pass_luna
def list_versions(luna: "Luna", name: str, output: str) -> None:
    """List the versions of an image, and who uses them."""
    from luna_core.operations.images.versions import list_versions as listed

    rows = luna.read(lambda work: listed(work, name))
    if output == "table":
        rows = [{**row, "size": megabytes(row["size_bytes"]), "initramfs": _initramfs(row)} for row in rows]
    emit(rows, COLUMNS, output, nothing=f"osimage {name} was never packed: luna osimage pack {name}")


def _initramfs(row: Mapping[str, Any]) -> str:
    return megabytes(row["initramfs_bytes"]) if row["initramfs_bytes"] else "-"


@version.command()
@name_argument("osimage")
@_number
@pass_luna
def pin(luna: "Luna", name: str, number: int) -> None:
    """Keep a version: retention never deletes it."""
    from luna_core.operations.images.versions import keep

    keep(luna, name, number, kept=True)


@version.command()
@name_argument("osimage")
@_number
@pass_luna
def unpin(luna: "Luna", name: str, number: int) -> None:
    """Let retention delete a version again when its time has come."""
    from luna_core.operations.images.versions import keep

    keep(luna, name, number, kept=False)


@version.command()
@name_argument("osimage")
@_number
@pass_luna
def rollback(luna: "Luna", name: str, number: int) -> None:
    """Put a version in force that was before. Nodes get it at their next boot."""
    from luna_core.operations.images.versions import roll_back

    roll_back(luna, name, number)
    click.echo(f"Version {number} of osimage {name} is in force.")


@version.command()
@name_argument("osimage")
@_number
@pass_luna
def delete(luna: "Luna", name: str, number: int) -> None:
    """Delete a version that nobody uses."""
    from luna_core.operations.images.versions import delete_version

    delete_version(luna, name, number)


@version.command()
@name_argument("osimage")
@click.argument("number", type=click.IntRange(1), required=False, shell_complete=versions)
@output_option
@pass_luna
def verify(luna: "Luna", name: str, number: int | None, output: str) -> None:
    """Compare every file of a version with its manifest. By default it is the one in force."""
    from luna_core.operations.images.versions import check_files

    wrong = check_files(luna, name, number)
    if output == "table":
        click.echo("\n".join(wrong or ["Every file is as it was packed."]))
    else:
        emit([{"problem": line} for line in wrong], (), output)
    if wrong:
        raise LunaError(
            f"osimage {name}: {len(wrong)} files of the version are damaged. 'luna osimage pack {name}' makes a sound "
            "one of the tree as it is now; 'luna osimage version rollback' puts another in force meanwhile."
        )
