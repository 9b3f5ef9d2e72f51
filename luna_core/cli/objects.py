"""The verbs that every kind of object has: list, show, add, change, rename, clone, delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import Option, dry_run_option, output_option, pass_luna, with_options
from luna_core.cli.output import emit, emit_one
from luna_core.cli.verbs import Verb, Verbs

if TYPE_CHECKING:
    from luna_core.model import StoredObject
    from luna_core.operations import Luna, Work

Fields = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the verbs of a kind need to know.

    `extra` are options besides those of the fields; `special` makes fields of what they were given, in the
    transaction, or None if `change` does all itself. `then` does what else they ask for, once the object is there.
    `brief` is how an object looks in a table.
    """

    name: str
    columns: Sequence[str]
    extra: Sequence[Option] = ()
    special: "Callable[[Work, str, Fields], Fields]" = lambda work, name, params: {}
    change: "Callable[[Work, str, Fields, Fields], object] | None" = None
    then: "Callable[[Work, str, Fields], object]" = lambda work, name, params: None
    brief: Callable[[Fields], Fields] = lambda row: row

    @property
    def model(self) -> "type[StoredObject]":
        """The model's class."""
        from luna_core.model import KINDS

        return KINDS[self.name]


def object_group(kind: Kind, help: str) -> Verbs:
    """The command group of a kind with all common verbs."""
    a = "an" if kind.name[0] in "aeiou" else "a"
    makers = {
        "list": (f"List all {plural(kind.name)}.", _list),
        "show": (f"Show {a} {kind.name}.", _show),
        "add": (f"Add {a} {kind.name}.", _add),
        "change": (f"Change {a} {kind.name}.", _change),
        "rename": (f"Give {a} {kind.name} another name; whatever uses it still does.", _rename),
        "clone": (f"Add {a} {kind.name} like another one, but for the options given.", _clone),
        "delete": (f"Delete {a} {kind.name}; refused while something uses it.", _delete),
    }
    verbs = {verb: Verb(text, partial(maker, kind)) for verb, (text, maker) in makers.items()}
    return Verbs(kind.name, help=help, verbs=verbs)


def name_argument(kind: str, metavar: str = "NAME") -> Option:
    """The argument that names an object."""
    return click.argument("name", metavar=metavar, shell_complete=completer(kind))


def plural(kind: str) -> str:
    """`switches` for switch."""
    return f"{kind}es" if kind.endswith("ch") else f"{kind}s"


def _list(kind: Kind) -> click.Command:
    @click.command()
    @output_option
    @pass_luna
    def list_objects(luna: "Luna", output: str) -> None:
        from luna_core.operations.forms import outward

        rows = luna.read(lambda work: [outward(work, one, defaults=True) for one in work.all(kind.model)])
        nothing = f"There are no {plural(kind.name)} yet: luna {kind.name} add NAME …"
        emit([kind.brief(row) for row in rows] if output == "table" else rows, kind.columns, output, nothing=nothing)

    return list_objects


def _show(kind: Kind) -> click.Command:
    @click.command()
    @name_argument(kind.name)
    @output_option
    @pass_luna
    def show(luna: "Luna", name: str, output: str) -> None:
        from luna_core.operations.forms import outward

        emit_one(luna.read(lambda work: outward(work, work.get(kind.model, name), defaults=True)), output)

    return show


def _add(kind: Kind) -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.operations import objects

    @click.command()
    @click.argument("name")
    @with_options(kind.extra)
    @field_options(kind.model)
    @dry_run_option
    @pass_luna
    def add(luna: "Luna", /, name: str, dry_run: bool, **params: Any) -> None:
        extra, fields = _split(kind, params)
        given = given_fields(fields)

        def operation(work: "Work") -> None:
            objects.add(work, kind.model, name, {**given, **kind.special(work, name, extra)})
            kind.then(work, name, extra)

        report(luna, operation, f"{kind.name} add {name}", dry_run)

    return add


def _change(kind: Kind) -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields, merged_maps
    from luna_core.operations import objects

    def change_fields(work: "Work", name: str, fields: Fields, extra: Fields) -> None:
        merged = merged_maps(work.get(kind.model, name).body(), fields)
        objects.change(work, kind.model, name, {**merged, **kind.special(work, name, extra)})
        kind.then(work, name, extra)

    @click.command()
    @name_argument(kind.name)
    @with_options(kind.extra)
    @field_options(kind.model, unset=True)
    @dry_run_option
    @pass_luna
    def change(luna: "Luna", /, name: str, dry_run: bool, **params: Any) -> None:
        extra, fields = _split(kind, params)
        given = given_fields(fields, luna.read(lambda work: work.get(kind.model, name).body()))
        operation = kind.change or change_fields
        report(luna, lambda work: operation(work, name, given, extra), f"{kind.name} change {name}", dry_run)

    return change


def _clone(kind: Kind) -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.operations import objects

    @click.command()
    @name_argument(kind.name)
    @click.argument("new")
    @with_options(kind.extra)
    @field_options(kind.model)
    @dry_run_option
    @pass_luna
    def clone(luna: "Luna", /, name: str, new: str, dry_run: bool, **params: Any) -> None:
        extra, fields = _split(kind, params)
        given = given_fields(fields, luna.read(lambda work: work.get(kind.model, name).body()))

        def operation(work: "Work") -> None:
            objects.clone(work, kind.model, name, new, {**given, **kind.special(work, new, extra)})
            kind.then(work, new, extra)

        report(luna, operation, f"{kind.name} clone {name} {new}", dry_run)

    return clone


def _rename(kind: Kind) -> click.Command:
    @click.command()
    @name_argument(kind.name)
    @click.argument("new")
    @pass_luna
    def rename(luna: "Luna", name: str, new: str) -> None:
        from luna_core.operations import objects

        luna.change(lambda work: objects.rename(work, kind.model, name, new), f"{kind.name} rename {name} {new}")

    return rename


def _delete(kind: Kind) -> click.Command:
    @click.command()
    @name_argument(kind.name)
    @dry_run_option
    @pass_luna
    def delete(luna: "Luna", name: str, dry_run: bool) -> None:
        from luna_core.cli.differences import report
        from luna_core.operations import objects

        report(luna, lambda work: objects.delete(work, kind.model, name), f"{kind.name} delete {name}", dry_run)

    return delete


def _split(kind: Kind, params: Fields) -> tuple[Fields, Fields]:
    """What the extra options were given, and what the fields' options were."""
    fields = {*kind.model.model_fields, "unset"}
    extra = {name: value for name, value in params.items() if name not in fields}
    return extra, {name: value for name, value in params.items() if name in fields}
