"""`luna export` and `luna apply`: the whole cluster as a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from luna_core.cli.complete import files, kinds
from luna_core.cli.context import dry_run_option, pass_luna, read_file
from luna_core.cli.output import serialised
from luna_core.errors import BadInput, LunaError

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.command()
@click.option("--kind", "wanted", multiple=True, metavar="KIND", shell_complete=kinds, help="Only this. Repeatable.")
@click.option(
    "-f", "--format", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="How to write it."
)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    shell_complete=files,
    help="Where to write it; standard output if not given.",
)
@pass_luna
def export(luna: "Luna", wanted: tuple[str, ...], format: str, file: str | None) -> None:
    """Write the cluster as a file that 'luna apply' reads; secrets stay encrypted with this cluster's key."""
    from luna_core.model import KINDS
    from luna_core.operations import exchange

    if unknown := sorted(set(wanted) - set(KINDS)):
        raise BadInput(f"--kind: {unknown[0]!r} was given; accepted are {', '.join(KINDS)}.")
    text = serialised(luna.read(lambda work: exchange.export(work, wanted)), format)
    if file is None or file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise LunaError(f"{file} can't be written: {error}.") from error


@click.command()
@click.option(
    "-f",
    "--file",
    required=True,
    metavar="FILE",
    shell_complete=files,
    help="What 'luna export' wrote; - for standard input.",
)
@click.option("--prune", is_flag=True, help="Delete the objects that the file doesn't have.")
@click.option("--merge", is_flag=True, help="Change only the fields that it has; null takes away (RFC 7396).")
@dry_run_option
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print it.")
@pass_luna
def apply(luna: "Luna", file: str, prune: bool, merge: bool, dry_run: bool, output: str) -> None:
    """Make the objects that a file has exactly as it says, all or none, and print what changed."""
    if prune and merge:
        raise BadInput("--merge: it was given with --prune; accepted is one of them.")
    from luna_core.cli.differences import show
    from luna_core.documents import load
    from luna_core.operations import exchange

    document = load(read_file("apply", file), file)
    declared = luna.declared_settings()
    differences = luna.changes(
        lambda work: exchange.apply(work, document, prune=prune, merge=merge, declared=declared),
        f"apply -f {file}",
        dry_run=dry_run,
    )
    show(differences, output, nothing="Nothing would change." if dry_run else "Nothing changed.")
