"""`luna doctor`: the store's invariants, the plugins, and the plugins' own checks."""

import dataclasses
from typing import TYPE_CHECKING

import click

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit

if TYPE_CHECKING:
    from luna_core.operations import Luna

COLUMNS = ("check", "status", "message", "remedy")


@click.command()
@output_option
@click.pass_context
@pass_luna
def doctor(luna: "Luna", ctx: click.Context, output: str) -> None:
    """Check that everything is as it should be. Exits with 1 if something failed."""
    from luna_core.operations.checkup import checkup

    results = checkup(luna)
    emit([dataclasses.asdict(one) for one in results], COLUMNS, output, wrap=True)
    if any(one.status == "failed" for one in results):
        ctx.exit(1)
