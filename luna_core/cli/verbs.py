"""A group of verbs, of which those that need the model are made only when they run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click

from luna_core.cli.main import Core, LateGroup, load_command, plugin_commands


class Verb(NamedTuple):
    """What `--help` says of a verb, and what makes its command."""

    help: str
    make: Callable[[], click.Command]


class Verbs(LateGroup):
    """The verbs of a kind of object: luna's own, and those that plugins add to a group directly below `luna`."""

    def __init__(self, name: str, *, help: str, verbs: Mapping[str, Verb] | None = None, **attributes: Any) -> None:
        super().__init__(name, help=help, **attributes)
        self.verbs = dict(verbs or {})

    def own_commands(self) -> list[str]:
        """Luna's own verbs."""
        return sorted({*self.commands, *self.verbs})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb."""
        return sorted({*self.own_commands(), *self._added(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb, made when it is first asked for."""
        if cmd_name not in self.commands and cmd_name in self.verbs:
            verb = self.verbs[cmd_name]
            made = verb.make()
            made.name, made.help = cmd_name, made.help or verb.help
            self.add_command(made)
        if own := super().get_command(ctx, cmd_name):
            return own
        added = self._added(ctx).get(cmd_name)
        return load_command(added, ctx) if added else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without making any."""
        helps = {name: verb.help for name, verb in self.verbs.items()}
        helps |= {name: command.get_short_help_str(150) for name, command in self.commands.items()}
        added = {name: command.help for name, command in self._added(ctx).items() if name not in helps}
        for title, texts in (("Commands", helps), ("Commands of plugins", added)):
            if texts:
                with formatter.section(title):
                    formatter.write_dl(sorted(texts.items()))

    def _added(self, ctx: click.Context) -> Mapping[str, Core]:
        return plugin_commands(ctx, self.name or "") if ctx.parent is ctx.find_root() else {}
