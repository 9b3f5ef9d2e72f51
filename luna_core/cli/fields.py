"""Options from the model's fields: each field that has a description becomes one, of the type that it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from luna_core.cli.complete import completer
from luna_core.cli.context import (
    EDIT,
    ChoiceParameter,
    DocumentParameter,
    Option,
    SecretParameter,
    TextParameter,
    read_secret,
    with_options,
)
from luna_core.documents import dump, load
from luna_core.errors import BadInput
from luna_core.model.fields import Address, Reference, Secret

SCRIPTS = frozenset({"prescript", "partscript", "postscript"})
TEXTS = SCRIPTS | {"options"}
DOCUMENTS = frozenset({"disks"})
MEANINGFUL_WHEN_EMPTY = frozenset({"dns_suffix"})
NOT_GIVEN_BY_HAND = frozenset({"latest", "absent"})
ADDRESS_TYPE = get_args(Address)[0]


@dataclass(frozen=True)
class Shape:
    """What an annotation comes down to: the type of one value, whether there are many, and how it is marked."""

    type: Any
    many: Literal["", "list", "map"]
    marks: tuple[Any, ...]

    def mark(self, kind: type[Any]) -> Any:
        """The mark of this class, or None."""
        return next((one for one in self.marks if isinstance(one, kind)), None)


def field_options(model: type[BaseModel], *, skip: Sequence[str] = (), unset: bool = False) -> Option:
    """A decorator that gives a command an option for each described field; `unset` adds one that takes values back."""
    fields = {
        name: field
        for name, field in model.model_fields.items()
        if field.description and name not in NOT_GIVEN_BY_HAND and name not in skip
    }
    optional = [_spelt(name) for name, field in fields.items() if not field.is_required()]
    needed_first = sorted(fields.items(), key=lambda item: (not item[1].is_required(), item[0] == "comment"))
    options = [_option(name, field) for name, field in needed_first]
    if unset:
        options.append(
            click.option(
                "--unset",
                multiple=True,
                type=click.Choice(optional),
                metavar="FIELD",
                help="Take a field's value back, so that it is inherited or the default again. Repeatable.",
            )
        )

    return with_options(options)


def given_fields(params: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The fields that the command line gave, in their outward form; None for those to be taken back.

    `current` has the texts that an editor opens.
    """
    fields: dict[str, Any] = {name.replace("-", "_"): None for name in params.get("unset") or ()}
    for name, value in params.items():
        if name == "unset" or value is None:
            continue
        if name in fields:
            raise BadInput(f"--{_spelt(name)}: it was given and unset at once; accepted is one of both.")
        if value is EDIT:
            fields |= _edited(name, (current or {}).get(name))
        else:
            empty = value in ("", [], {}) and name not in MEANINGFUL_WHEN_EMPTY
            fields[name] = None if empty else value
    return fields


def merged_maps(current: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields; of one that holds keys and values, those keys change that were given, and `KEY=` goes."""
    return {
        name: {key: text for key, text in {**current.get(name, {}), **value}.items() if text}
        if isinstance(value, dict) and name not in DOCUMENTS
        else value
        for name, value in given.items()
    }


def _edited(name: str, current: Any) -> dict[str, Any]:
    """What an editor makes of a field; nothing if it was left without saving."""
    if name not in DOCUMENTS:
        text = click.edit(str(current or ""), extension=".sh")
        return {} if text is None else {name: text}
    text = click.edit(dump(current) if current else "", extension=".yaml")
    return {} if text is None else {name: load(text, name)}


def _option(name: str, field: FieldInfo) -> Option:
    shape = _shape(field.annotation, tuple(field.metadata))
    attributes: dict[str, Any] = {"help": field.description, "metavar": _metavar(shape)}
    names = [f"--{_spelt(name)}"]
    if shape.type is bool:
        names = [f"--{_spelt(name)}/--no-{_spelt(name)}"]
        attributes |= {"default": None, "metavar": None}
    elif get_origin(shape.type) is Literal:
        attributes |= {"type": ChoiceParameter([str(one) for one in get_args(shape.type)]), "metavar": None}
    elif shape.many == "map" and shape.mark(Secret):
        attributes |= {"multiple": True, "callback": _to_secret_map, "metavar": "KEY=@FILE|@-|ask"}
    elif shape.mark(Secret):
        attributes |= {"type": SecretParameter(), "metavar": "@FILE|@-|ask"}
    elif shape.many == "map":
        attributes |= {"multiple": True, "callback": _to_map}
    elif shape.many == "list":
        attributes |= {"multiple": True, "callback": _to_list if shape.marks else _to_plain_list}
    elif name in DOCUMENTS:
        attributes |= {"type": DocumentParameter(), "metavar": "@FILE|@-|edit"}
    elif name in TEXTS:
        attributes |= {"type": TextParameter(), "metavar": "TEXT|@FILE|@-|edit"}
    if shape.many:
        names = list(dict.fromkeys((f"--{_spelt(_singular(name))}", *names)))
    if reference := shape.mark(Reference):
        attributes["shell_complete"] = completer(reference.kind)
    return click.option(*names, name, **attributes)


def _shape(annotation: Any, marks: tuple[Any, ...]) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _shape(arguments[0], (*marks, *arguments[1:]))
    if origin in (Union, UnionType):
        kept = [one for one in arguments if one is not type(None)]
        return _shape(kept[0], marks) if len(kept) == 1 else Shape(annotation, "", marks)
    if origin is tuple:
        item = _shape(arguments[0], ())
        return Shape(item.type, "list", item.marks)
    if origin is dict:
        return Shape(dict, "map", (*marks, *_shape(arguments[1], ()).marks))
    return Shape(annotation, "", marks)


def _metavar(shape: Shape) -> str:
    if reference := shape.mark(Reference):
        word = str(reference.kind).upper()
    elif shape.many == "map":
        word = "KEY=VALUE"
    else:
        word = {int: "NUMBER", ADDRESS_TYPE: "ADDRESS"}.get(shape.type, "TEXT")
    return f"{word}[,…]" if shape.many == "list" and shape.marks else word


def _to_list(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
    """Words from `a,b` and from repeated options; one empty text is an empty list."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()] if given else None


def _to_plain_list(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
    return [text for text in given if text] if given else None


def _to_map(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    made: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if text and (not equals or not key):
            raise BadInput(f"{param.opts[0]}: {text!r} was given; accepted is KEY=VALUE.")
        made |= {key: value} if text else {}
    return made if given else None


def _to_secret_map(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    made = _to_map(ctx, param, given)
    return made and {key: value and read_secret(f"{param.opts[0]} {key}", value) for key, value in made.items()}


def _spelt(name: str) -> str:
    return name.replace("_", "-")


def _singular(name: str) -> str:
    return name.removesuffix("es") if name.endswith("sses") else name.removesuffix("s")
