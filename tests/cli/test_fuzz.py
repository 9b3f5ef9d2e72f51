"""Whatever is on the command line or in a file: a sentence and an exit status, and nothing half done."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luna_core.cli.main import cli
from luna_core.documents import dump
from luna_core.model import KINDS
from luna_core.operations import connect, exchange, history

FUZZED = (
    "apply", "bmcsetup", "cluster", "completion", "diff", "doctor", "export", "group", "history", "network", "node",
    "osimage", "otherdev", "settings", "store", "switch", "undo",
)  # fmt: skip
"""Commands that touch nothing but the store: tests run as root, and others make trees or run daemons."""
IMAGE_VERBS = {"list", "show", "add", "change"}
"""Of an osimage; its other verbs work on directories of the machine."""
WRITES_FILES = {("export", "file"), ("migrate", "target")}
"""Options that name what is written: they get no hostile values, for those could name any file of the machine."""

HOSTILE = (
    "", " ", "-", "--", "-1", "0", "1", "99999999999999999999", "1e9", "nan", "yes", "edit", "@", "@@", "@-", "@/",
    "@/nonexistent", "@/dev/null", "a,b", ",", "=", "a=b", "a=b=c", "node001", "node[001-004]", "node[1-99999999999]",
    "node[", "@all", "@nothing", "@tag:x", "@group:compute", "cluster", "compute", "default", "ipmi", "sw01", "BOOTIF",
    "BMC", "eth0", "10.141.0.1", "10.141.0.0/16", "10.141.0.1/16", "10.150.0.0/33", "fd00::/64", "fd00::1", "::",
    "0.0.0.0/0", "10.141.0.5-10.141.0.9", "10.141.0.9-10.141.0.5", "10.141.0.1-fd00::1", "255.255.255.255",
    "52:54:00:00:00:01", "52:54:00:00:00:0g", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "../x", "/nonexistent/tree",
    "a\nb", "a\0b", "\udcff", "é", "💥", "a" * 300, "%s{}$(id)`id`;'\"", "***", "encrypted:x", "{", "[", "null", "1..2",
    "dhcp.server", "node.digits", "http.port", "none", "sqlite:///nonexistent/luna.db", "mongodb://", "x://y",
)  # fmt: skip


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that lead to it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in FUZZED if command is cli else command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and (path != ("osimage",) or name in IMAGE_VERBS):
            yield from leaves(found, (*path, name))


LEAVES = list(leaves(cli))


@st.composite
def vectors(draw: st.DrawFn) -> list[str]:
    """A command with arguments and options of its own, and hostile values for them."""
    path, command = draw(st.sampled_from(LEAVES))
    value = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    words = [draw(value) for param in arguments if param.required or draw(st.booleans())]
    options = [
        param
        for param in command.params
        if isinstance(param, click.Option) and (command.name, param.name) not in WRITES_FILES
    ]
    for option in draw(st.lists(st.sampled_from(options), max_size=3)) if options else []:
        words.append(draw(st.sampled_from([*option.opts, *option.secondary_opts])))
        if not option.is_flag:
            words.append(draw(st.one_of(st.sampled_from(choices(option)), value)))
    return [*path, *words]


def choices(option: click.Option) -> list[str]:
    return list(option.type.choices) if isinstance(option.type, click.Choice) else list(HOSTILE)


def contents() -> tuple[Any, Any]:
    """The whole cluster and its history."""
    with connect() as luna:
        return luna.read(lambda work: (exchange.export(work), history.entries(work)))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths lead nowhere that matters."""
    directory = tmp_path / "a/b/c"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)


def test_what_is_fuzzed_writes_no_files() -> None:
    """A new option that names a file to write must be listed before hostile values reach it."""
    titles = {"FILE", "PATH", "DIRECTORY"}
    named = {
        (path[-1], param.name)
        for path, command in LEAVES
        for param in command.params
        if isinstance(param, click.Option) and (param.metavar in titles or isinstance(param.type, click.Path))
    }
    assert named - WRITES_FILES == {("apply", "file"), ("add", "table")}  # which are read
    assert {path[0] for path, _ in LEAVES} == set(FUZZED)


def judge(luna: Callable[..., Any], arguments: list[str], *, input: str = "") -> None:
    before = contents()
    done = luna(*arguments, input=input)
    said = f"{arguments}: {done}"
    assert done.status in (0, 1, 2), said
    assert "Traceback" not in done.err, said
    assert "defect of luna" not in done.err, said
    if done.status:
        assert done.err.strip(), said
        assert contents() == before, said


FUZZ = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(arguments=vectors(), input=st.sampled_from(["", "x\n", "\0", "52:54:00:00:00:09\n"]))
def test_any_command_line_ends_with_a_sentence(cluster: Callable[..., Any], arguments: list[str], input: str) -> None:
    judge(cluster, arguments, input=input)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(HOSTILE), st.text(max_size=10)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[list[int], str, Any]]:
    """Where to go in a document, what to do there, and a value to do it with."""
    place = st.lists(st.integers(0, 20), min_size=1, max_size=7)
    return draw(st.lists(st.tuples(place, st.sampled_from(["set", "remove", "rename", "add"]), VALUES), max_size=4))


def mutated(document: Any, changes: list[tuple[list[int], str, Any]]) -> Any:
    made = copy.deepcopy(document)
    for place, action, value in changes:
        holder, key = made, next(iter(made), None)
        for step in place:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = keys[step % len(keys)]
            if not isinstance(holder[key], dict | list) or not holder[key]:
                break
            holder = holder[key] if step != place[-1] else holder
        mutate(holder, key, action, value)
    return made


def mutate(holder: Any, key: Any, action: str, value: Any) -> None:
    if isinstance(holder, list):
        holder.append(value)
    elif key not in holder or action == "add":
        holder[value if isinstance(value, str) else "more"] = value
    elif action == "set":
        holder[key] = value
    elif action == "remove":
        del holder[key]
    else:
        holder[str(value)] = holder.pop(key)


@pytest.fixture
def document(cluster: Callable[..., Any]) -> Any:
    return contents()[0]


@FUZZ
@given(changes=mutations(), prune=st.booleans())
def test_any_mutated_file_is_applied_whole_or_refused(
    cluster: Callable[..., Any], document: Any, changes: list[tuple[list[int], str, Any]], prune: bool
) -> None:
    text = json.dumps(mutated(document, changes))
    judge(cluster, ["apply", "-f", "-", *["--prune"] * prune], input=text)


@FUZZ
@given(
    text=st.one_of(
        st.text(max_size=200),
        VALUES.map(json.dumps),
        st.dictionaries(st.sampled_from(list(KINDS)), VALUES).map(lambda one: json.dumps({"luna": 1, **one})),
    )
)
def test_any_text_is_applied_whole_or_refused(cluster: Callable[..., Any], text: str) -> None:
    judge(cluster, ["apply", "-f", "-"], input=text)


@FUZZ
@given(start=st.integers(0, 100_000), length=st.integers(0, 40), put=st.text(max_size=10))
def test_any_damage_to_the_text_of_a_file_is_refused_or_harmless(
    cluster: Callable[..., Any], document: Any, start: int, length: int, put: str
) -> None:
    text = dump(document)
    start %= len(text)
    judge(cluster, ["apply", "-f", "-"], input=text[:start] + put + text[start + length :])
