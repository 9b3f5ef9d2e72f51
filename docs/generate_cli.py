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
HEAD = """\
# Commands

<!-- Written by docs/generate_cli.py from the commands: change those and run it again. -->

Every command ends with 0 when it is done, 1 when it failed and 2 for wrong usage or bad input; a command that doesn't
end with 0 has changed nothing. Where a node name goes, a hostlist may: `node[001-040],!node007`, `@GROUP`,
`@tag:TAG&@rack:RACK`. A value `@FILE` is read from a file and `@-` from standard input.
"""


def contexts() -> Iterator[click.Context]:
    """Luna's own commands, each before its subcommands."""
    yield from _below(click.Context(cli, info_name="luna"))


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in _own_commands(context, context.command):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _below(click.Context(command, parent=context, info_name=name))


def _own_commands(context: click.Context, group: click.Group) -> list[str]:
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
    title = context.command_path.replace(" ", "-")
    summary = _roff(_help(context).partition("\n")[0].rstrip("."))
    lines = [f'.TH "{title.upper()}" 1 "" "luna {__version__}" "luna"', ".SH NAME", f"{_roff(title)} \\- {summary}"]
    lines += [".SH SYNOPSIS", _roff(_usage(context)), ".SH DESCRIPTION", _roff(_help(context))]
    lines += _entries("OPTIONS", _options(context))
    if isinstance(context.command, click.Group):
        names = sorted(one.command_path for one in contexts() if one.parent and one.parent.command is context.command)
        pages = [(f"{name.replace(' ', '-')}(1)", "") for name in names]
        lines += _entries("COMMANDS", pages)
    return "\n".join(lines) + "\n"


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
    """Write a page for each command."""
    directory.mkdir(parents=True, exist_ok=True)
    for context in contexts():
        (directory / f"{context.command_path.replace(' ', '-')}.1").write_text(man_page(context), encoding="utf-8")


def main() -> None:
    """Write the reference page, or with --man the man pages."""
    if sys.argv[1:2] == ["--man"]:
        write_man_pages(Path(sys.argv[2]))
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
