"""The rules that a plugin's module and its answers must keep; plain pluggy would let most of them pass."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import cache
from inspect import isfunction, signature
from types import ModuleType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from luna_core import hookspecs

T = TypeVar("T")
REFUSED_OPTIONS = ("wrapper", "hookwrapper", "tryfirst", "trylast", "optionalhook", "specname")


@cache
def hook_arguments() -> Mapping[str, tuple[str, ...]]:
    """The names of the arguments of every hook, by the hook's name."""
    functions = vars(hookspecs).items()
    return {name: tuple(signature(one).parameters) for name, one in functions if name.startswith("luna_")}


def why_refused(module: ModuleType, marked: Mapping[str, Mapping[str, object]]) -> str:
    """What is wrong with a plugin's module, or nothing; `marked` has the options of what bears `@hookimpl`."""
    return next(_faults(module, marked), "" if marked else "it has no function with @hookimpl")


def checked(answer: object, accepted: tuple[type[T], ...]) -> list[T]:
    """A hook's answer as a list, every record of it well formed. Raises TypeError that says what is accepted."""
    names = " or ".join(one.__name__ for one in accepted)
    # Most answer a list, and to look for what is odd about one would take longer than many a plugin does.
    if type(answer) is not list and (isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable)):
        raise TypeError(f"it returned {answer!r}; accepted is an iterable of {names}")
    values: list[T] = []
    for value in answer:
        if not isinstance(value, accepted):
            raise TypeError(f"it answered {value!r}; accepted is {names}")
        _check_fields(value)
        values.append(value)
    return values


def _faults(module: ModuleType, marked: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for name in sorted(set(hook_arguments()) & set(dir(module)) - set(marked)):
        if isfunction(getattr(module, name)):
            yield f"{name} lacks @hookimpl"
    for name, options in marked.items():
        accepted = hook_arguments().get(name)
        if accepted is None:
            close = get_close_matches(name, hook_arguments(), n=1)
            yield f"{name} is no hook of luna" + (f"; is {close[0]} meant?" if close else "")
        yield from (f"{name} uses {one}, which luna refuses" for one in REFUSED_OPTIONS if options.get(one))
        for unknown in sorted(set(signature(getattr(module, name)).parameters) - set(accepted or ())):
            yield f"{name} takes {unknown!r}; accepted are {', '.join(accepted or ()) or 'no arguments'}"


def _check_fields(record: object) -> None:
    if not is_dataclass(record) or isinstance(record, type):
        return
    for name, accepted, plain in _fields(type(record)):
        value = getattr(record, name)
        if type(value) not in plain and not _fits(value, accepted):
            words = accepted.__name__ if get_origin(accepted) is None and isinstance(accepted, type) else accepted
            raise TypeError(f"{type(record).__name__}.{name} is {value!r}; accepted is {words}")


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, frozenset[type]], ...]:
    """Name, annotation and plain types of each field: a burst of boots has thousands of answers checked."""
    return tuple((name, accepted, _plain_types(accepted)) for name, accepted in get_type_hints(kind).items())


def _plain_types(accepted: Any) -> frozenset[type]:
    """Types of which every value fits, so that it needs no closer look."""
    if get_origin(accepted) in (Union, UnionType):
        return frozenset().union(*(_plain_types(one) for one in get_args(accepted)))
    return frozenset([accepted]) if get_origin(accepted) is None and isinstance(accepted, type) else frozenset()


def _fits(value: object, accepted: Any) -> bool:
    origin, arguments = get_origin(accepted), get_args(accepted)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, arguments[0]) for one in value)
    if accepted in (int, float):
        return isinstance(value, (int, accepted)) and not isinstance(value, bool)
    return isinstance(value, origin or accepted)
