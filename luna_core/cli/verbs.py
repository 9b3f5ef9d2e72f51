"""A group of verbs, of which those that need the model are made only when they run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click


class Verb(NamedTuple):
    """What `--help` says of a verb, and what makes its command."""

    help: str
    make: Callable[[], click.Command]


class Verbs(click.Group):
    """The verbs of a kind of object."""

    def __init__(self, name: str, *, help: str, verbs: Mapping[str, Verb] | None = None, **attributes: Any) -> None:
        super().__init__(name, help=help, **attributes)
        self.verbs = dict(verbs or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb."""
        return sorted({*self.commands, *self.verbs})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, made when it is first asked for."""
        if cmd_name not in self.commands and cmd_name in self.verbs:
            verb = self.verbs[cmd_name]
            made = verb.make()
            made.name, made.help = cmd_name, made.help or verb.help
            self.add_command(made)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without making any."""
        helps = {name: verb.help for name, verb in self.verbs.items()}
        helps |= {name: command.get_short_help_str(100) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl([(name, helps[name]) for name in self.list_commands(ctx)])
