"""How changes of objects are printed: a line for each object, and below it one for each field."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.output import cell, serialised

if TYPE_CHECKING:
    from luna_core.operations import Luna, Work
    from luna_core.operations.differences import Difference, FieldDifference


def report(luna: "Luna", operation: "Callable[[Work], object]", what: str, dry_run: bool) -> None:
    """Carry out an operation, saying only what should be known of it; or with `dry_run` print what it would change."""
    from luna_core.operations.warnings import warnings_of

    warnings: list[str] = []

    def attempt(work: "Work") -> None:
        operation(work)
        warnings[:] = warnings_of(work)

    if dry_run:
        show(luna.changes(attempt, what, dry_run=True), "table", nothing="Nothing would change.")
    else:
        luna.change(attempt, what)
    for sentence in warnings:
        click.echo(f"luna: {sentence}", err=True)


def show(differences: "Sequence[Difference]", output: str, *, nothing: str = "Nothing changed.") -> None:
    """Print differences."""
    if output != "table":
        click.echo(serialised([dataclasses.asdict(one) for one in differences], output), nl=False)
        return
    lines: list[str] = []
    for one in differences:
        lines.append(f"{one.change} {one.kind} {one.name}")
        if one.change != "removed":
            lines += [f"    {line}" for field in one.fields for line in _lines(field, created=one.change == "created")]
    click.echo("\n".join(lines or [nothing]))


def _lines(difference: "FieldDifference", *, created: bool) -> list[str]:
    texts = [one for one in (difference.before, difference.after) if isinstance(one, str) and "\n" in one]
    if texts:
        return [f"{difference.field}:", *_marked("-", difference.before), *_marked("+", difference.after)]
    if created:
        return [f"{difference.field}: {cell(difference.after)}"]
    return [f"{difference.field}: {cell(difference.before)} → {cell(difference.after)}"]


def _marked(mark: str, value: Any) -> list[str]:
    return [f"  {mark} {line}" for line in str(value).splitlines()] if value is not None else []
