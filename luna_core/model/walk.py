"""Finds the marked fields of an object, however deeply nested, and replaces or lists what they hold."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from luna_core.model.fields import Reference, Secret

Mark = Reference | Secret
Path = tuple[str, ...]
EACH = "*"


@cache
def marked_paths(model: type[BaseModel], mark: Any) -> tuple[tuple[Path, Mark], ...]:
    """Where fields with this mark are, as field names with `*` for every item of a list or dict."""
    found: list[tuple[Path, Mark]] = []
    for name, field in model.model_fields.items():
        for path, marker in _in_annotation(field.annotation, tuple(field.metadata), mark):
            found.append(((name, *path), marker))
    return tuple(found)


def _in_annotation(annotation: Any, metadata: tuple[Any, ...], mark: Any) -> Iterator[tuple[Path, Mark]]:
    for item in metadata:
        if isinstance(item, mark):
            yield (), item
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from _in_annotation(inner, tuple(more), mark)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from marked_paths(annotation, mark)
    else:
        many = get_origin(annotation) in (list, tuple, dict)
        for argument in get_args(annotation):
            for path, marker in _in_annotation(argument, (), mark):
                yield ((EACH, *path) if many else path), marker


def fields_along(model: type[BaseModel], path: Sequence[str]) -> list[tuple[str, ...]]:
    """For each step of a path into an object's values the fields that may be there; none for a key or a number."""
    found = []
    annotation: Any = model
    for step in path:
        part = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
        found.append(tuple(part.model_fields) if part else ())
        annotation = _plain(_inside(part, step) if part else _item(annotation))
    return found


def _inside(part: type[BaseModel], name: str) -> Any:
    return part.model_fields[name].annotation if name in part.model_fields else None


def _item(annotation: Any) -> Any:
    """What a mapping or a tuple holds."""
    return next((one for one in reversed(get_args(annotation)) if one is not Ellipsis), None)


def _plain(annotation: Any) -> Any:
    """An annotation without its marks and without None."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return _plain(next(one for one in get_args(annotation) if one is not NoneType))
    return annotation


def references(model: type[BaseModel], value: Any) -> Iterator[tuple[str, str]]:
    """Kind and id of every object that `value`, an instance of `model`, refers to."""
    for path, marker in marked_paths(model, Reference):
        if isinstance(marker, Reference):
            yield from ((marker.kind, target) for target in _values(value, path))


def _values(value: Any, path: Path) -> Iterator[Any]:
    if value is None:
        return
    if not path:
        yield value
    elif path[0] == EACH:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item, path[1:])
    else:
        yield from _values(getattr(value, path[0]), path[1:])


def replace(model: type[BaseModel], body: dict[str, Any], mark: Any, new: Callable[[Any, Any], Any]) -> Any:
    """`body`, a JSON form of `model`, with every marked value replaced by `new(mark, value)`."""
    for path, marker in marked_paths(model, mark):
        body = _replaced(body, path, partial(new, marker))
    return body


def _replaced(value: Any, path: Path, new: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    if not path:
        return new(value)
    if path[0] == EACH:
        if isinstance(value, dict):
            return {key: _replaced(item, path[1:], new) for key, item in value.items()}
        return [_replaced(item, path[1:], new) for item in value] if isinstance(value, list | tuple) else value
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _replaced(value[path[0]], path[1:], new)}
    return value
