"""Every error that luna shows to a person, and the exit status that goes with it."""

from collections.abc import Iterable

MASK = "***"
"""Stands for a secret in everything that luna shows."""


class LunaError(Exception):
    """Something failed; its text is a complete sentence for the administrator."""

    exit_status = 1


class BadInput(LunaError):
    """What was asked for can't be: names the object, the field, the given value and what would be accepted."""

    exit_status = 2


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A question that names those of the known names that are near the given one, after a space; empty if none is."""
    from difflib import get_close_matches

    near = get_close_matches(given, list(known))
    return f" Did you mean {' or '.join(near)}?" if near else ""


class NotFound(BadInput):
    """No object of that name or id exists; the text suggests the nearest of the `known`, and the command that `lists`.

    `of` is the object that refers to it, if the name was not asked for by itself.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, lists: str = "", of: str = "") -> None:
        there = f"{of}: there" if of else "There"
        listed = f" '{lists or f'luna {kind} list'}' shows those that exist."
        super().__init__(f"{there} is no {kind} {name!r}.{did_you_mean(name, known)}{listed}")
        self.kind = kind
        self.name = name


class AlreadyExists(BadInput):
    """The name, MAC, address or other unique value, the key `value` in `space`, belongs to another object."""

    def __init__(self, text: str, *, space: str = "", value: str = "") -> None:
        super().__init__(text)
        self.space = space
        self.value = value


class InUse(BadInput):
    """The object can't be deleted while others refer to it; the text lists them."""


class Conflict(LunaError):
    """Another writer changed the object between reading and writing; nothing was written."""


class StoreError(LunaError):
    """The store can't be opened, reached or understood."""


class PluginError(LunaError):
    """A plugin failed at something that can't go on without it."""

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        super().__init__(f"Plugin {plugin!r} failed in {hook}: {reason}")
        self.plugin = plugin
        self.hook = hook
        self.reason = reason


class UnknownDriver(BadInput):
    """No driver of that name is installed; the text lists those that are."""


class CommandFailed(LunaError):
    """An external program could not be started or exited with an error; carries its last lines of output."""


class Unsupported(LunaError):
    """This driver can't do what was asked."""
