"""How results are printed: as a table that fits the terminal, as JSON or as YAML."""

import json
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import click

GAP = "  "
NARROWEST = 8
NONE = "-"


def emit(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str, *, nothing: str = "", wrap: bool = False
) -> None:
    """Print objects: in full as `json` or `yaml`, or only these columns as a `table`.

    `nothing` is the sentence that stands, on standard error, for a table without rows. With `wrap` a table has all of
    its text, on as many lines as that takes.
    """
    if output == "table" and nothing and not rows:
        click.echo(nothing, err=True)
    elif output == "table":
        print_table(rows, columns, wrap=wrap)
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


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, wrap: bool = False) -> None:
    """Print columns side by side, the first of which names the row.

    Where they don't fit the terminal, columns without any value are left out, the last first; then the widest but the
    first give way until all fit, and cut cells end in `…`, or are wrapped.
    """
    table = [[column.replace("_", " ").upper(), *(cell(row.get(column)) for row in rows)] for column in columns]
    widths = [max(map(len, column)) for column in table]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        for index in reversed(range(1, len(table))):
            if _width(widths) > room and set(table[index][1:]) == {NONE}:
                del table[index], widths[index]
        _shrink(widths, room)
    rows_of_cells = zip(*table, strict=True)
    lines = (line for row in rows_of_cells for line in (_wrapped(row, widths) if wrap else [row]))
    fitted = (GAP.join(_fit(text, width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    click.echo("\n".join(fitted))


def _wrapped(row: Sequence[str], widths: Sequence[int]) -> Iterator[Sequence[str]]:
    """The lines that a row takes."""
    return zip_longest(*(textwrap.wrap(text, width) for text, width in zip(row, widths, strict=True)), fillvalue="")


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _shrink(widths: list[int], room: int) -> None:
    """Narrow the widest column to the next widest, again and again; the first only when no other is left."""
    candidates = list(range(1, len(widths)))
    while (excess := _width(widths) - room) > 0:
        wide = [index for index in candidates if widths[index] > NARROWEST]
        if not wide:
            if 0 in candidates:
                return
            candidates.append(0)
            continue
        first, *others = sorted(wide, key=lambda index: widths[index], reverse=True)
        next_width = widths[others[0]] if others else NARROWEST
        widths[first] = max(NARROWEST, widths[first] - excess, min(next_width, widths[first] - 1))


def _fit(cell: str, width: int) -> str:
    return f"{cell:{width}}" if len(cell) <= width else cell[: width - 1] + "…"


def cell(value: Any) -> str:
    """A value in one line; `-` if there is none."""
    if value is None or value == "" or (isinstance(value, Collection) and not value):
        return NONE
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
