"""Writes what can be read about the commands from the commands themselves.

`python docs/generate_cli.py` writes the reference page, `python docs/generate_cli.py --man DIRECTORY` man pages.
"""

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from luna_core import __version__
from luna_core.cli.main import COMMANDS, cli
from luna_core.cli.verbs import Verbs

PAGE = Path(__file__).parent / "reference/cli.md"
OTHER_NAMES = {"lpower": "luna-power", "lchroot": "luna-osimage-chroot"}
HEAD = """\
# Commands

<!-- Written by docs/generate_cli.py from the commands: change those and run it again. -->

Every command ends with 0 when it is done, 1 when it failed and 2 for wrong usage or bad input; a command that doesn't
end with 0 has changed nothing. Where a node name goes, a hostlist may: `node[001-040],!node007`, `@GROUP`,
`@tag:TAG&@rack:RACK`. A value `@FILE` is read from a file and `@-` from standard input.
"""


def contexts(*, plugins: bool = False) -> Iterator[click.Context]:
    """Luna's own commands, and those of the installed plugins if they are wanted, each before its subcommands."""
    yield from _below(click.Context(cli, info_name="luna"), plugins)


def _below(context: click.Context, plugins: bool) -> Iterator[click.Context]:
    yield context
    for one in _children(context, plugins):
        yield from _below(one, plugins)


def _children(context: click.Context, plugins: bool) -> Iterator[click.Context]:
    if isinstance(context.command, click.Group):
        for name in _commands(context, context.command, plugins):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield click.Context(command, parent=context, info_name=name)


def _commands(context: click.Context, group: click.Group, plugins: bool) -> list[str]:
    if plugins:
        return group.list_commands(context)
    if group is cli:
        return sorted(COMMANDS)
    return group.own_commands() if isinstance(group, Verbs) else group.list_commands(context)


def page() -> str:
    """The reference page."""
    return HEAD + "".join(map(_section, contexts()))


def _section(context: click.Context) -> str:
    text = f"\n## {context.command_path}\n\n{_help(context)}\n\n    {_usage(context)}\n"
    rows = "".join(f"| `{_cell(names)}` | {_cell(help)} |\n" for names, help in _options(context))
    return f"{text}\n| option | |\n|---|---|\n{rows}" if rows else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def man_page(context: click.Context) -> str:
    """A man page, as man(7) has it."""
    title = _title(context)
    lines = [f'.TH "{title.upper()}" 1 "" "luna {__version__}" "luna"', ".SH NAME"]
    lines += [f"{_roff(title)} \\- {_roff(_summary(context).rstrip('.'))}"]
    lines += [".SH SYNOPSIS", _roff(_usage(context)), ".SH DESCRIPTION", _roff(_help(context))]
    lines += _entries("OPTIONS", _options(context))
    lines += _entries("COMMANDS", [(f"{_title(one)}(1)", _summary(one)) for one in _children(context, plugins=True)])
    return "\n".join(lines) + "\n"


def _title(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _summary(context: click.Context) -> str:
    return _help(context).partition("\n")[0]


def _entries(title: str, entries: list[tuple[str, str]]) -> list[str]:
    lines = [f".SH {title}"] if entries else []
    for name, help in entries:
        lines += [".TP", f"\\fB{_roff(name)}\\fR", _roff(help)]
    return lines


def _options(context: click.Context) -> list[tuple[str, str]]:
    records = (param.get_help_record(context) for param in context.command.params if isinstance(param, click.Option))
    return [record for record in records if record]


def _usage(context: click.Context) -> str:
    return " ".join([context.command_path, *context.command.collect_usage_pieces(context)])


def _help(context: click.Context) -> str:
    return cleandoc(context.command.help or "").replace("\b\n", "")


def _roff(text: str) -> str:
    """Text that roff takes as it is: a line that begins with a dot or a quote would be a request (groff(7))."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line or ".PP" for line in lines)


def write_man_pages(directory: Path) -> None:
    """Write a page for each command, and for the names that some have by themselves."""
    directory.mkdir(parents=True, exist_ok=True)
    for context in contexts(plugins=True):
        (directory / f"{_title(context)}.1").write_text(man_page(context), encoding="utf-8")
    for name, title in OTHER_NAMES.items():
        (directory / f"{name}.1").write_text(f".so man1/{title}.1\n")


def main() -> None:
    """Write the reference page, or with --man the man pages."""
    if sys.argv[1:2] == ["--man"]:
        write_man_pages(Path(sys.argv[2]))
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
