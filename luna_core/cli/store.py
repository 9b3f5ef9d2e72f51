"""`luna store`: where the cluster is kept."""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit_one
from luna_core.errors import BadInput
from luna_core.settings import machine_settings

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.group()
def store() -> None:
    """Where the cluster is kept."""


@store.command()
@output_option
@pass_luna
def info(luna: "Luna", output: str) -> None:
    """Show which store is in use and what it holds."""
    from luna_core.operations.contents import contents

    emit_one(luna.look(lambda transaction: contents(transaction, luna.settings)), output)


@store.command()
@click.option("--from", "source", required=True, metavar="URL", help="Store to read, as in LUNA_STORE.")
@click.option("--to", "target", required=True, metavar="URL", help="Empty store to write.")
def migrate(source: str, target: str) -> None:
    """Copy everything, history included, from one store to another."""
    from luna_core.store import is_there, open_store
    from luna_core.store.documents import redacted
    from luna_core.store.migrate import copy_store

    settings = machine_settings()
    origin, destination = replace(settings, store=source), replace(settings, store=target)
    if not is_there(origin):
        raise BadInput(f"--from: {redacted(source)} was given; accepted is a store that exists.")
    with closing(open_store(origin)) as read, closing(open_store(destination)) as written:
        count = copy_store(read, written)
    click.echo(f"Copied {count} records. Set LUNA_STORE to {redacted(target)} to use them.")
