"""How results are printed: as a table that fits the terminal, as JSON or as YAML."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

GAP = "  "
NARROWEST = 8


def emit(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str, *, nothing: str = "") -> None:
    """Print objects: in full as `json` or `yaml`, or only these columns as a `table`.

    `nothing` is the sentence that stands, on standard error, for a table without rows.
    """
    if output == "table" and nothing and not rows:
        click.echo(nothing, err=True)
    elif output == "table":
        print_table(rows, columns)
    else:
        click.echo(serialised([dict(row) for row in rows], output), nl=False)


def emit_one(fields: Mapping[str, Any], output: str) -> None:
    """Print one object: in full as `json` or `yaml`, or as a table of its fields."""
    if output != "table":
        click.echo(serialised(dict(fields), output), nl=False)
        return
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        first, *rest = _lines(value)
        click.echo(f"{name:{width}}{GAP}{first}".rstrip())
        for line in rest:
            click.echo(" " * width + GAP + line)


def serialised(value: Any, output: str) -> str:
    """JSON or YAML, with a newline at its end."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    from luna_core.documents import dump

    return dump(value)


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print columns side by side; on a terminal the widest give way until all fit, and cut cells end in `…`."""
    cells = [[column.replace("_", " ").upper() for column in columns]]
    cells += [[cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if sys.stdout.isatty():
        _shrink(widths, shutil.get_terminal_size().columns - len(GAP) * (len(columns) - 1))
    lines = (GAP.join(_fit(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    click.echo("\n".join(lines))


def _shrink(widths: list[int], room: int) -> None:
    while sum(widths) > room and max(widths) > NARROWEST:
        widest = widths.index(max(widths))
        widths[widest] = max(NARROWEST, widths[widest] - (sum(widths) - room), _second(widths) - 1)


def _second(widths: list[int]) -> int:
    return sorted(widths)[-2] if len(widths) > 1 else 0


def _fit(cell: str, width: int) -> str:
    return f"{cell:{width}}" if len(cell) <= width else cell[: width - 1] + "…"


def cell(value: Any) -> str:
    """A value in one line; `-` if there is none."""
    if value is None or value == "" or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={cell(one)}" for key, one in value.items())
    if isinstance(value, list | tuple | set):
        return ",".join(map(cell, value))
    return " ".join(str(value).split("\n"))


def _lines(value: Any) -> list[str]:
    if isinstance(value, str) and value:
        return value.splitlines() or [value]
    if isinstance(value, Mapping) and value:
        return [f"{key}: {cell(one)}" for key, one in value.items()]
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return [cell(one) for one in value]
    return [cell(value)]
