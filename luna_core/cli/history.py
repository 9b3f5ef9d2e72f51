"""`luna history`, `luna diff` and `luna undo`."""

import dataclasses
import re
from typing import TYPE_CHECKING

import click

from luna_core.cli.complete import kinds, of_named_kind
from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.differences import show
from luna_core.cli.output import emit
from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.operations import Luna, Work
    from luna_core.operations.differences import Difference

COLUMNS = ("number", "time", "who", "what", "objects", "why")
MANY = 20
CHANGES = re.compile(r"(\d{1,12})(?:\.\.(\d{1,12}))?")


@click.command()
@click.argument("kind", required=False, shell_complete=kinds)
@click.argument("name", required=False, shell_complete=of_named_kind)
@click.option("--limit", type=click.IntRange(min=1), default=MANY, show_default=True, help="How many, newest first.")
@output_option
@pass_luna
def history(luna: "Luna", kind: str | None, name: str | None, limit: int, output: str) -> None:
    """Show who changed what, when and why, newest first; only changes of the object KIND NAME if given."""
    from luna_core.operations import history as operations

    if (kind is None) != (name is None):
        raise BadInput(f"history: {kind!r} was given; accepted are a kind and a name, as in 'history node node001'.")

    def entries(work: "Work") -> list[operations.Entry]:
        target = operations.identity(work, kind, name) if kind is not None and name is not None else None
        return operations.entries(work, target, limit=limit)

    rows = [dataclasses.asdict(one) for one in luna.read(entries)]
    emit(rows, COLUMNS, output, nothing="Nothing has been changed yet.")


@click.command()
@click.argument("changes", required=False, metavar="[N | N..M]")
@output_option
@pass_luna
def diff(luna: "Luna", changes: str | None, output: str) -> None:
    """Show what change N changed, or changes N to M together; the newest if none is given."""
    from luna_core.operations.differences import recorded

    show(luna.read(lambda work: recorded(work, *_numbers(work, changes))), output)


@click.command()
@click.argument("number", required=False, type=int, metavar="[N]")
@dry_run_option
@pass_luna
def undo(luna: "Luna", number: int | None, dry_run: bool) -> None:
    """Take change N back, or the newest; refused if one of its objects has changed since."""
    from luna_core.operations import history as operations
    from luna_core.operations.images.versions import refuse_lost

    def number_of(work: "Work") -> int:
        return operations.last_number(work.transaction) if number is None else number

    def attempt(work: "Work") -> None:
        refuse_lost(luna.settings, operations.undo(work, chosen))

    chosen = luna.read(number_of)
    undone: list[Difference] = luna.changes(attempt, f"undo {chosen}", dry_run=dry_run)
    show(undone, "table", nothing="Nothing would change." if dry_run else "Nothing changed.")


def _numbers(work: "Work", text: str | None) -> tuple[int, int]:
    from luna_core.operations.history import last_number

    if text is None:
        return last_number(work.transaction), last_number(work.transaction)
    found = CHANGES.fullmatch(text)
    if not found or int(found[1]) > int(found[2] or found[1]):
        raise BadInput(f"diff: {text!r} was given; accepted are the number of a change, or two as in 3..7.")
    return int(found[1]), int(found[2] or found[1])
