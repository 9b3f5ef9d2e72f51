"""What all objects have in common: identity, name, comment, unique keys and references to others."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from luna_core.errors import MASK, BadInput, did_you_mean
from luna_core.model.fields import Name, Secret
from luna_core.model.walk import fields_along, marked_paths, references
from luna_core.types import Key

USES = "uses"
LONGEST_SHOWN = 200
# What pydantic's types of errors mean to an administrator (https://docs.pydantic.dev/latest/errors/validation_errors/).
ACCEPTED = {
    "string_too_long": "a text of at most {max_length} characters",
    "string": "a text, in quotes if it looks like a number",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "too_short": "a list of at least one",
    "tuple": "a list",
    "dict": "a mapping of names to values",
    "model": "a mapping of names to values",
    "greater": "a number of at least {ge}",
    "less": "a number of at most {le}",
}


def new_id() -> str:
    """A random id of 128 bits in hexadecimal."""
    return os.urandom(16).hex()


class Part(BaseModel):
    """A piece of an object. Immutable: a change makes a new one, validated as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class StoredObject(Part):
    """An object of the cluster that administrators name. `revision` is the stored one, 0 for a new object."""

    kind: ClassVar[str]
    id: str
    name: Name
    comment: str = Field("", description="A note for other administrators.")

    @classmethod
    def new(cls, **values: Any) -> Self:
        """A valid new object with an id of its own; raises BadInput that names object, field and what is accepted."""
        return cls.load({"id": new_id(), **values})

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """The object of these values; raises BadInput."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadInput(explain(cls, values, error)) from error

    def changed(self, **values: Any) -> Self:
        """This object with other values, validated; raises BadInput."""
        return self.load({**self.__dict__, **values})

    def body(self) -> dict[str, Any]:
        """What is stored: JSON types only, without what has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def unique_keys(self) -> Iterator[Key]:
        """The values that no other object may hold, and a key in the space of each object that this one uses."""
        yield Key(space=f"name:{self.kind}", value=self.name)
        for _, target in set(references(type(self), self)):
            yield Key(space=f"{USES}:{target}", value=f"{self.kind}/{self.id}")


def explain(model: type[StoredObject], values: Mapping[str, Any], error: ValidationError) -> str:
    """One line for each problem: the object, the field, what was given and what would be accepted."""
    lines = []
    name = values.get("name", "")
    title = f"{model.kind} {name if str(name).isprintable() else ascii(name)}"
    for problem in error.errors():
        path = [str(part) for part in problem["loc"] if part != "[key]"]
        field = f"{_shown(model, path)}: " if path else ""
        lines.append(f"{title}: {field}{_sentence(model, path, problem)}")
    return "\n".join(dict.fromkeys(lines))


def _shown(model: type[StoredObject], path: list[str]) -> str:
    """The path as a document has it: the `disks` of a group's `disks` are named once."""
    fields = fields_along(model, path)
    twice = {at for at in range(len(path) - 2) if path[at] == path[at + 1] and fields[at] and fields[at + 1]}
    return ".".join(one for at, one in enumerate(path) if at not in twice)


def _sentence(model: type[StoredObject], path: list[str], problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        known = [name for name in fields_along(model, path)[-1] if name != "id"]
        return f"there is no such field; accepted are {', '.join(known)}.{did_you_mean(path[-1], known)}"
    if problem["type"] == "missing":
        return "it is required but was not given."
    accepted = _accepted(problem)
    if problem["type"] == "value_error" and isinstance(problem["input"], Mapping):
        return f"{accepted}."  # which names the values that don't fit together
    secret = any(path[:1] == [marked[0]] for marked, _ in marked_paths(model, Secret))
    return f"{MASK if secret else _shortened(repr(problem.get('input')))} was given; {accepted}."


def _accepted(problem: Any) -> str:
    kind, message = problem["type"], problem["msg"]
    for beginning, words in ACCEPTED.items():
        if kind.startswith(beginning):
            return f"accepted is {words.format(**problem.get('ctx', {}))}"
    message = message.removeprefix("Value error, ").removeprefix("Input should be ")
    return message if message.startswith("accepted") else f"accepted is {message}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
