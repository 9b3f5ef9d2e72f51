"""What commands share: the cluster they work on, options that mean the same everywhere, values from files."""

import functools
import io
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.operations import Luna

EDIT: Final = object()
"""Stands for a text that is still to be edited."""

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
P = ParamSpec("P")
R = TypeVar("R")

output_option = click.option(
    "-o",
    "--output",
    "output",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Check everything and show what would change; write nothing."
)


class FiniteRange(click.FloatRange):
    """A number within bounds that is one: `nan` is beyond no bound, and by `inf` a time-out would never end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; raises BadParameter."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} was given; accepted is a number.", param, ctx)
        return number


def with_options(options: Sequence[Option]) -> Option:
    """A decorator that gives a command several options, in their order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def pass_luna(function: "Callable[Concatenate[Luna, P], R]") -> Callable[P, R]:
    """Give a command the cluster as its first argument; it is closed when the command ends."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from luna_core.operations import connect

        ctx = click.get_current_context()
        luna = ctx.with_resource(connect(why=str(ctx.find_root().params.get("why") or "")))
        return function(luna, *args, **kwargs)

    return wrapper


def read_value(title: str, given: str) -> str:
    """A text as given: `@FILE` reads a file, `@-` standard input, `@@…` is a text that begins with @, else itself.

    Raises BadInput for a file that can't be read.
    """
    if given.startswith("@@"):
        return given[1:]
    return read_file(title, given[1:]) if given.startswith("@") else given


def read_file(title: str, given: str) -> str:
    """The text of a file, or for `-` of standard input, in UTF-8. Raises BadInput if it can't be read."""
    try:
        if given == "-":
            # sys.stdin decodes as the locale says, in the C locale with surrogates for what is not UTF-8.
            return io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read()), encoding="utf-8").read()
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{title}: {given} can't be read: {error}.") from error


class TextParameter(click.ParamType[Any]):
    """A text: literal, `@FILE`, `@-` for standard input, or `edit` to open an editor on the current one."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read what the value stands for; the editor is left to the command, which knows the current text."""
        if value == "edit":
            return EDIT
        return read_value(_title(param, "text"), value) if isinstance(value, str) else value


class DocumentParameter(TextParameter):
    """A document in YAML or JSON, given like a text."""

    name = "document"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read what the value stands for, and what that says; nothing stays an empty text."""
        from luna_core.documents import load

        text = super().convert(value, param, ctx)
        return load(text, _title(param, "document")) if isinstance(text, str) and text.strip() else text


class ChoiceParameter(click.Choice[str]):
    """One of several words, or an empty text, which takes a field back like any other."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word as it was given."""
        return value if value == "" else super().convert(value, param, ctx)


class SecretParameter(click.ParamType[str]):
    """A secret: `@FILE`, `@-` for standard input, or `ask`. A literal is refused, for `ps` would show it."""

    name = "@FILE|@-|ask"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read or ask for the secret, without the newline that ends it."""
        return read_secret(_title(param, "secret"), value) if isinstance(value, str) else value


def read_secret(title: str, value: str) -> str:
    """What `@FILE`, `@-` or `ask` stands for. Raises BadInput for anything else."""
    if value == "ask":
        given: str = click.prompt(
            title.replace("_", " ").capitalize(), hide_input=True, confirmation_prompt=True, err=True
        )
        return given
    if not value.startswith("@") or value.startswith("@@"):
        raise BadInput(
            f"{title}: a secret on the command line can be seen by everybody; accepted are @FILE, @- and ask."
        )
    return read_value(title, value).rstrip("\r\n")


def _title(param: click.Parameter | None, default: str) -> str:
    return (param.name if param else None) or default
