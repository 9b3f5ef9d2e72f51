"""`luna settings`: those of the cluster, luna's own and the plugins'."""

from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import settings as complete_settings
from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit, emit_one

if TYPE_CHECKING:
    from luna_core.operations import Luna

COLUMNS = ("name", "value", "help")
name_argument = click.argument("name", shell_complete=complete_settings)


@click.group()
def settings() -> None:
    """Settings of the cluster and of plugins."""


@settings.command("list")
@output_option
@pass_luna
def list_settings(luna: "Luna", output: str) -> None:
    """List all settings with their values."""
    emit(_rows(luna), COLUMNS, output, wrap=True)


@settings.command()
@name_argument
@output_option
@pass_luna
def show(luna: "Luna", name: str, output: str) -> None:
    """Show a setting."""
    from luna_core.operations.configure import all_settings, declared_setting

    declared_setting(all_settings(luna.hooks), name)
    emit_one(next(row for row in _rows(luna) if row["name"] == name), output)


@settings.command("set")
@name_argument
@click.argument("value")
@pass_luna
def set_value(luna: "Luna", name: str, value: str) -> None:
    """Give a setting a value."""
    from luna_core.operations.configure import all_settings, set_setting

    known = all_settings(luna.hooks)
    luna.change(lambda work: set_setting(work, known, name, value), f"settings set {name} {value}")


@settings.command()
@name_argument
@pass_luna
def unset(luna: "Luna", name: str) -> None:
    """Go back to a setting's default."""
    from luna_core.operations.configure import unset_setting

    luna.change(lambda work: unset_setting(work, name), f"settings unset {name}")


def _rows(luna: "Luna") -> list[dict[str, Any]]:
    from luna_core.operations import configure

    known = configure.all_settings(luna.hooks)
    values = luna.read(lambda work: configure.settings(work, known))
    return [
        {
            "name": one.name,
            "value": values[one.name],
            "default": one.default,
            "choices": one.choices,
            "least": one.least if type(one.default) in (int, float) else None,
            "most": one.most if type(one.default) in (int, float) else None,
            "help": one.help,
        }
        for one in sorted(known, key=lambda one: one.name)
    ]
