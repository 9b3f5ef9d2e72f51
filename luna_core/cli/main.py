"""`luna`: finds the subcommand, runs it, and turns every error into a sentence and an exit status."""

import errno
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import click

from luna_core import __version__
from luna_core.errors import BadInput, LunaError, PluginError

if TYPE_CHECKING:
    from luna_core.hooks import Hooks

INTERRUPTED = 130
# What a disk that is full or fails says, wherever something is written.
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
PLUGIN = "luna.plugin"


class Core(NamedTuple):
    """A command: where its click command is, what `luna --help` says of it, and the plugin that it is of, if any."""

    load: str
    help: str
    plugin: str = ""


COMMANDS: Mapping[str, Core] = {
    "apply": Core("luna_core.cli.exchange:apply", "Make the cluster as a file says."),
    "bmcsetup": Core("luna_core.cli.kinds:bmcsetup", "How BMCs are set up and used."),
    "boot": Core("luna_core.cli.boot:boot", "Boot nodes, watch them, and see where the time went."),
    "cluster": Core("luna_core.cli.cluster:cluster", "The cluster and its defaults."),
    "completion": Core("luna_core.cli.completion:completion", "Print the completion script of a shell."),
    "diff": Core("luna_core.cli.history:diff", "Show what a change changed."),
    "doctor": Core("luna_core.cli.doctor:doctor", "Check that everything is as it should be."),
    "export": Core("luna_core.cli.exchange:export", "Write the cluster as a file."),
    "group": Core("luna_core.cli.group:group", "Nodes that are alike."),
    "history": Core("luna_core.cli.history:history", "Show who changed what, when and why."),
    "network": Core("luna_core.cli.network:network", "Networks, their addresses and zones."),
    "node": Core("luna_core.cli.node:node", "The machines."),
    "osimage": Core("luna_core.cli.osimage:osimage", "Operating system trees that nodes boot."),
    "otherdev": Core("luna_core.cli.devices:otherdev", "Devices that only need a name and addresses."),
    "plugin": Core("luna_core.cli.plugin:plugin", "Installed plugins and drivers."),
    "power": Core("luna_core.cli.power:power", "Switch nodes on and off, and ask their BMCs."),
    "serve": Core("luna_core.cli.serve:serve", "Run every part of the controller."),
    "services": Core("luna_core.cli.services:services", "Files of DHCP, DNS and hosts."),
    "settings": Core("luna_core.cli.settings:settings", "Settings of the cluster and of plugins."),
    "store": Core("luna_core.cli.store:store", "Where the cluster is kept."),
    "switch": Core("luna_core.cli.devices:switch", "Ethernet switches that tell where nodes are."),
    "tls": Core("luna_core.cli.tls:tls", "Certificates, so that nodes boot by HTTPS."),
    "undo": Core("luna_core.cli.history:undo", "Take a change back."),
    "why": Core("luna_core.cli.boot:why", "Say in words why a node is not up."),
}


class LateGroup(click.Group):
    """A group whose commands are made when they are asked for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; the nearest of all are suggested where there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None


class Commands(LateGroup):
    """Luna's own commands and those of plugins. A command is imported when it runs, and not for `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, luna's own hiding a plugin's."""
        return sorted({*COMMANDS, *plugin_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported; a plugin's is looked for only if luna has none."""
        found = COMMANDS.get(cmd_name) or plugin_commands(ctx).get(cmd_name)
        return load_command(found, ctx) if found else None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a plugin's did not foresee is told as the plugin's, not as a defect of luna."""
        try:
            return super().invoke(ctx)
        except (LunaError, click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if PLUGIN not in ctx.meta or _is_of_disks(error) or os.environ.get("LUNA_DEBUG"):
                raise
            reason = f"{error!r}. With LUNA_DEBUG=1 luna says where."
            raise PluginError(ctx.meta[PLUGIN], "its command", reason) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from what they say of themselves, and name the plugins that could not."""
        hooks = _hooks(ctx)
        plugins = {name: command for name, command in plugin_commands(ctx).items() if name not in COMMANDS}
        for title, commands in (("Commands", COMMANDS), ("Commands of plugins", plugins)):
            if commands:
                with formatter.section(title):
                    formatter.write_dl([(name, commands[name].help) for name in sorted(commands)])
        if failed := _failures(hooks):
            with formatter.section("Left out ('luna plugin list' tells more)"):
                formatter.write_dl(failed)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="luna")
@click.option("--why", default="", metavar="TEXT", help="Reason for a change, kept in the history.")
def cli(why: str) -> None:
    """Boot clusters of bare-metal nodes from images that they fetch from each other.

    The store is named by LUNA_STORE or /etc/luna/luna.toml. 'luna COMMAND --help' tells of each command.
    """


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default the process's own; returns its exit status, whatever happens."""
    _fill_standard_files()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _log_in_sentences()
        _refuse_undecodable(words)
        done = cli.main(words, prog_name="luna", standalone_mode=False)
        sys.stdout.flush()
        return done if isinstance(done, int) else 0
    except LunaError as error:
        if os.environ.get("LUNA_DEBUG"):
            raise
        click.echo(f"luna: {error}", err=True)
        return error.exit_status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("luna: interrupted; nothing was changed by what had not finished.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("LUNA_DEBUG"):
            raise
        click.echo(f"luna: {_unforeseen(error)}", err=True)
        return 1


def _unforeseen(error: Exception) -> str:
    import shutil

    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # Of a tree that was copied: source, destination and reason for each file, of which one says enough.
        return f"{error.args[0][0][2]}."
    if _is_of_disks(error):
        place = error.filename2 or error.filename
        return f"{error.strerror}{f': {place}' if place else ''}."
    return f"this is a defect of luna: {error!r}. With LUNA_DEBUG=1 it says where."


def _is_of_disks(error: Exception) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in _OF_DISKS


def _fill_standard_files() -> None:
    """What the caller closed (`luna … >&-`) is empty, or the next file that is opened would get what is printed."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # The lowest free number: its own.
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115 - for as long as luna runs


def _log_in_sentences() -> None:
    """What nobody set up logging for is a warning in one line, not the traceback of a plugin."""
    if os.environ.get("LUNA_DEBUG"):
        return
    import logging

    class Sentence(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return f"luna: {record.getMessage()}"

    logging.lastResort = logging.StreamHandler()
    logging.lastResort.setLevel(logging.WARNING)
    logging.lastResort.setFormatter(Sentence())


def _refuse_undecodable(words: Sequence[str]) -> None:
    for word in words:
        if not word.isascii() and word.encode("utf-8", "replace").decode() != word:
            raise BadInput(f"{word!a} was given; accepted is text in UTF-8.")


def load_command(found: Core, ctx: click.Context) -> click.Command:
    """Import a command. Raises LunaError, that names the plugin if it is of one, if there is none."""
    whose = f"Plugin {found.plugin!r}: the" if found.plugin else "The"
    if found.plugin:
        ctx.meta[PLUGIN] = found.plugin
    module, _, attribute = found.load.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        if os.environ.get("LUNA_DEBUG"):
            raise
        raise LunaError(f"{whose} command can't be loaded from {found.load}: {error!r}.") from error
    if not isinstance(command, click.Command):
        raise LunaError(f"{whose} command {found.load} is not a click command.")
    return command


def _hooks(ctx: click.Context) -> "Hooks":
    root = ctx.find_root()
    if "luna.hooks" not in root.meta:
        from luna_core.hooks import Hooks
        from luna_core.plugins import Plugins
        from luna_core.settings import machine_settings

        root.meta["luna.hooks"] = Hooks(Plugins(machine_settings()))
    hooks: Hooks = root.meta["luna.hooks"]
    return hooks


def plugin_commands(ctx: click.Context, group: str = "") -> dict[str, Core]:
    """The commands of plugins, or those that belong into a group: `switch macs` is the command macs of switch."""
    named = ((one.value.name.rpartition(" "), one) for one in _hooks(ctx).luna_commands())
    return {name: Core(one.value.load, one.value.help, one.plugin) for (place, _, name), one in named if place == group}


def _failures(hooks: "Hooks") -> list[tuple[str, str]]:
    failed = {one.plugin: one.reason for one in hooks.failures if one.hook == "luna_commands"}
    failed |= {one.name: one.reason for one in hooks.plugins.records if one.status == "failed"}
    return sorted(failed.items())
