"""What holds for every command there is, those of plugins included."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from luna_core.boot.sessions import open_session
from luna_core.cli.main import cli
from luna_core.model import KINDS, Node
from luna_core.operations import connect

Luna = Callable[..., Any]
# What makes something is given a name that nothing has yet.
MAKES = {"add", "build", "import", "new"}
# Arguments that name nothing: a new name, a value, the numbers of changes, a command line; and a record of a network.
FREE = {"new", "value", "changes", "command"}
RECORD = "luna network record remove"
CHANGES = {
    *("add", "change", "clone", "delete", "remove", "rename", "init", "set", "unset", "undo", "reserve", "release"),
    *("move", "adopt", "forget", "pin", "unpin", "rollback", "build", "import", "update", "install", "migrate", "new"),
}
# Scripts, documents, terminals and labs.
OTHERWISE = {"completion", "export", "chroot", "console", "ssh", "up", "down", "demo"}
READS = """
    apply -f {directory}/all.json | bmcsetup list | bmcsetup show default | boot report | boot show node001
    boot watch --once | cluster show | diff | doctor | group interface list compute | group list | group show compute
    history | history node node001 | lab status | network list | network next cluster | network show cluster
    network record list cluster | node disks node002 | node interface list node001 | node list | node show node001
    node unknown list | osimage list | osimage show compute | osimage sweep | osimage version list compute
    otherdev list | otherdev show pdu | plugin list | plugin info mac | plugin check mac | power last @all
    services show hosts | services show dhcp | settings list | settings show http.port | store info | switch list
    switch show sw01 | switch macs | switch ports sw01 | tls show | why node001
"""
# They ask machines, start them, or need a packed tree; their own tests read their JSON.
ASKS = {
    *("boot nodes", "power bootdev", "power cycle", "power identify", "power off", "power on", "power reset"),
    *("power sel clear", "power sel list", "power sensors", "power soft", "power status", "switch test", "lab storm"),
    *("osimage grab", "osimage push", "osimage pack", "osimage version verify", "serve", "inventory"),
}
DISKS = {"disks": {"a": {"first": True, "partitions": [{"name": "b", "size": "1G"}]}}}


@pytest.fixture
def tree(state: Path, monkeypatch: pytest.MonkeyPatch) -> list[click.Context]:
    """Every command as it is asked for."""
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    return list(below(click.Context(cli, info_name="luna", terminal_width=80)))


def below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            yield from below(click.Context(command, parent=context, info_name=name))


def has_json(context: click.Context) -> bool:
    option = next((param for param in context.command.params if param.name == "output"), None)
    return option is not None and "json" in getattr(option.type, "choices", ())


def test_no_summary_is_cut_where_commands_are_listed(tree: list[click.Context]) -> None:
    lists = [context for context in tree if isinstance(context.command, click.Group)]
    assert len(lists) > 20
    lines = [line for context in lists for line in context.get_help().partition("\nCommands:")[2].splitlines()]
    assert [line for line in lines if line.endswith("...")] == []
    assert max(map(len, lines)) <= 80


def test_whatever_takes_an_object_s_name_completes_it(tree: list[click.Context]) -> None:
    incomplete = []
    for context in tree:
        for param in context.command.params:
            if names_something(context, param) and param._custom_shell_complete is None:
                incomplete.append(f"{context.command_path} {param.name}")
    assert incomplete == []


def names_something(context: click.Context, param: click.Parameter) -> bool:
    """Whether a parameter is the name of something that exists: any plain argument, and options named for a kind."""
    # As an argument a number is a version's, as an option it is how many.
    accepted = (type(click.STRING), *[click.IntRange] * isinstance(param, click.Argument))
    if type(param.type) not in accepted:
        return False
    if isinstance(param, click.Argument):
        return not (param.name in FREE or context.info_name in MAKES or context.command_path == RECORD)
    words = {str(param.name).removesuffix("s"), str(param.metavar).split("[")[0].lower()}
    return bool(words & set(KINDS)) and "image_version" not in words


def test_commands_that_only_tell_have_json(tree: list[click.Context]) -> None:
    commands = [context for context in tree if not isinstance(context.command, click.Group)]
    lacking = {context.command_path for context in commands if not has_json(context)}
    assert {path for path in lacking if path.split()[-1] not in CHANGES | OTHERWISE} == set()


def test_all_json_can_be_parsed(cluster: Luna, tree: list[click.Context], tmp_path: Path) -> None:
    cluster("otherdev add pdu --address 10.141.0.77")
    cluster("node", "change", "node002", "--disks", json.dumps(DISKS))
    assert cluster("tls init").status == 0
    (tmp_path / "all.json").write_text(cluster("export -f json").out)
    with connect() as luna:
        luna.note(lambda work: open_session(work, work.get(Node, "node001"), "10.141.0.1", {}))
    lines = [part.strip() for line in READS.splitlines() for part in line.split("|") if part.strip()]
    paths = {context.command_path.removeprefix("luna ") for context in tree if has_json(context)}
    told = {path for path in paths if any(line == path or line.startswith(f"{path} ") for line in lines)}
    assert paths - told - ASKS == set()
    shown = {line: cluster(*line.format(directory=tmp_path).split(), "-o", "json") for line in lines}
    assert {line: done.err for line, done in shown.items() if not is_json(done.out)} == {}


def is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except ValueError:
        return False
