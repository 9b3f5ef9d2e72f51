"""`luna plugin`: what is installed, what it contributes, what is wrong with it, and a project for a new one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.context import output_option
from luna_core.cli.output import emit, emit_one
from luna_core.errors import BadInput, LunaError, NotFound

if TYPE_CHECKING:
    from luna_core.hooks import Hooks
    from luna_core.plugins import PluginRecord
    from luna_core.settings import MachineSettings

PLUGIN_KINDS = ("plugin", "drop-in")
COLUMNS = ("name", "kind", "distribution", "version", "status", "reason")


@click.group()
def plugin() -> None:
    """Installed plugins and drivers."""


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from luna_core.settings import machine_settings

    try:
        settings = machine_settings()
        names = {record.name for record in _records(settings, _hooks(settings))}
    except LunaError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


name_argument = click.argument("name", shell_complete=_complete)


@plugin.command("list")
@output_option
def list_plugins(output: str) -> None:
    """List plugins, drop-ins and drivers, and say why one does not work."""
    from luna_core.settings import machine_settings

    settings = machine_settings()
    emit([_row(record) for record in _records(settings, _hooks(settings))], COLUMNS, output, wrap=True)


@plugin.command()
@name_argument
@output_option
def info(name: str, output: str) -> None:
    """Show what the plugin, driver or distribution NAME contributes."""
    from luna_core.settings import machine_settings

    settings = machine_settings()
    hooks = _hooks(settings)
    records = _records(settings, hooks)
    rows = [_row(one) | _contributions(one, records, hooks) for one in _named(name, records)]
    if output != "table":
        emit(rows, COLUMNS, output)
        return
    for number, row in enumerate(rows):
        click.echo("\n" * bool(number), nl=False)
        emit_one(row, output)


@plugin.command()
@name_argument
@output_option
def check(name: str, output: str) -> None:
    """Check that a plugin keeps to luna's rules. Exits with 1 if it doesn't.

    NAME is what it is called, or the path of a drop-in file. What needs a machine or a network isn't tried: the tests
    of the plugin do that, with the conformance kit.
    """
    from luna_core.settings import machine_settings

    if "/" in name or name.endswith(".py"):
        records = [_dropped_in(Path(name))]
    else:
        settings = machine_settings()
        records = _named(name, _records(settings, _hooks(settings)))
    checked = [(record, list(_checked(record))) for record in records]
    if output == "table":
        for record, rules in checked:
            _show(record, rules)
    else:
        rows = [{"name": one.name, "kind": one.kind, **rule} for one, rules in checked for rule in rules]
        emit(rows, (), output)
    failed = [record.name for record, rules in checked if any(rule["problems"] for rule in rules)]
    if failed:
        raise LunaError(f"{', '.join(failed)} does not keep to luna's rules.")


@plugin.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["plugin", "transport", "discovery", "distro", "bmc", "dhcp", "dns"]),
    default="plugin",
    show_default=True,
    help="What it is to be.",
)
@click.option("--directory", type=click.Path(path_type=Path), help="Where to write it; luna-KIND-NAME by default.")
def new(name: str, kind: str, directory: Path | None) -> None:
    """Write a project for a new plugin NAME, with tests that pass."""
    from luna_core.scaffold import create

    target = create(name, kind, directory)
    click.echo(
        f"Wrote {target}. To install it and run its tests:\n\n  cd {target}\n  pip install -e '.[test]'\n  pytest"
    )


def _hooks(settings: "MachineSettings") -> "Hooks":
    from luna_core.hooks import Hooks
    from luna_core.plugins import Plugins

    return Hooks(Plugins(replace(settings, debug=False)))


def _records(settings: "MachineSettings", hooks: "Hooks") -> "list[PluginRecord]":
    from luna_core.drivers import examined
    from luna_core.interfaces import DRIVERS

    return [*hooks.records, *(record for group in DRIVERS for record in examined(group, settings))]


def _row(record: "PluginRecord") -> dict[str, Any]:
    return {column: getattr(record, column) for column in COLUMNS} | {"origin": record.origin}


def _named(name: str, records: "list[PluginRecord]") -> "list[PluginRecord]":
    if found := [record for record in records if name in (record.name, record.distribution)]:
        return found
    raise NotFound("plugin", name, [record.name for record in records])


def _contributions(record: "PluginRecord", records: "list[PluginRecord]", hooks: "Hooks") -> dict[str, list[str]]:
    answers = record.kind in PLUGIN_KINDS and record.status == "active"
    siblings = [one for one in records if one.kind not in PLUGIN_KINDS and one.distribution == record.distribution]
    commands = hooks.luna_commands() if answers else ()
    settings = hooks.luna_settings() if answers else ()
    return {
        "hooks": hooks.implemented_by(record.name) if answers else [],
        "commands": [one.value.name for one in commands if one.plugin == record.name],
        "settings": [one.value.name for one in settings if one.plugin == record.name],
        "drivers": [f"{one.kind} {one.name}" for one in siblings if record.distribution],
    }


def _dropped_in(path: Path) -> "PluginRecord":
    from luna_core.plugins import PluginRecord, drop_in
    from luna_core.settings import machine_settings

    if not path.is_file():
        raise BadInput(f"plugin check: {path} is no file; accepted is a Python file or the name of a plugin.")
    if path.parent.resolve() == machine_settings().plugin_directory.resolve():
        return drop_in(path)
    return PluginRecord(name=path.stem, kind="drop-in", origin=str(path))


def _checked(record: "PluginRecord") -> Iterator[dict[str, Any]]:
    """Each rule with what is wrong; what can't be loaded has nothing else that could be checked."""
    if record.kind not in PLUGIN_KINDS:
        reasons = [record.reason] if record.reason else []
        yield {"rule": "It can be imported and is a complete driver.", "problems": reasons}
        return
    from luna_core.testing.checks import GENERAL_CHECKS, problems
    from luna_core.testing.subject import Subject

    subject = Subject(replace(record, status="active", reason="") if record.status == "disabled" else record)
    for rule in GENERAL_CHECKS:
        found = problems(rule, subject)
        yield {"rule": rule.__doc__ or "", "problems": found}
        if found and rule is GENERAL_CHECKS[0]:
            return


def _show(record: "PluginRecord", rules: Sequence[Mapping[str, Any]]) -> None:
    click.echo(f"{record.name} ({record.kind} {record.distribution} {record.version}".rstrip() + ")")
    for one in rules:
        click.echo(f"  {'FAILED' if one['problems'] else 'ok':8}{one['rule']}")
        for problem in one["problems"]:
            click.echo(f"{'':12}{problem}")
