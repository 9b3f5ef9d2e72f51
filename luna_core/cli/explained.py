"""How the values of nodes and groups are shown, with or without who says them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.output import emit_one, print_table, serialised

if TYPE_CHECKING:
    from luna_core.operations.explain import Said

explain_option = click.option("--explain", is_flag=True, help="Say where each value comes from.")


def show_said(subjects: "Sequence[Mapping[str, Said]]", explain: bool, output: str, *, one: bool) -> None:
    """Print one subject, or a list of them; in a table without the values that nobody gave."""
    from luna_core.operations.explain import nested

    if output != "table":
        shown = [_explained(said) if explain else nested(said) for said in subjects]
        click.echo(serialised(shown[0] if one else shown, output), nl=False)
        return
    for number, said in enumerate(subjects):
        click.echo("\n" * bool(number), nl=False)
        given = {name: value for name, value in said.items() if value.value not in (None, "", [])}
        if explain:
            rows = [{"field": name, "value": value.value, "from": value.source} for name, value in given.items()]
            print_table(rows, ("field", "value", "from"))
        else:
            emit_one({name: _in_lines(name, value.value) for name, value in given.items()}, output)


def _in_lines(name: str, value: Any) -> Any:
    """A layout of disks, which is too deep for a line, as it would be written."""
    if name != "disks":
        return value
    from luna_core.documents import dump

    return dump(value)


def _explained(said: "Mapping[str, Said]") -> dict[str, Any]:
    return {name: {"value": one.value, "from": one.source} for name, one in said.items()}
