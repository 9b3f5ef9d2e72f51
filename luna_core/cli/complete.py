"""Completion of names in a shell: quick, and silent about whatever goes wrong."""

from collections.abc import Callable, Iterable, Sequence

import click
from click.shell_completion import CompletionItem

from luna_core.interfaces import Transaction

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
MOST_NAMES = 1000
LAST = "\U0010ffff"


def completer(kind: str) -> Completer:
    """Completes the names of objects of a kind."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return _asked(lambda transaction: _names(transaction, kind, incomplete))

    return complete


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leaves it to the shell, which knows what a path looks like."""
    return [CompletionItem(incomplete, type="file")]


def of_named_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the names of objects of the kind that was given before."""
    return completer(str(ctx.params.get("kind")))(ctx, param, incomplete)


def versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the numbers of the versions of the osimage that was given before."""
    image = str(ctx.params.get("name"))

    def look(transaction: Transaction) -> Iterable[str]:
        images = transaction.owners("name:osimage", image, image)
        owners = [owner for one in images for owner in transaction.owners(f"version:{one.id}", "", LAST)]
        return [str(int(owner.key.value)) for owner in owners]

    return [number for number in _asked(look) if number.startswith(incomplete)]


def hostlists(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the last name or @set of a hostlist."""
    cut = max(incomplete.rfind(mark) for mark in ",!&^") + 1
    before, last = incomplete[:cut], incomplete[cut:]

    def look(transaction: Transaction) -> Iterable[str]:
        return _sets(transaction, last) if last.startswith("@") else _names(transaction, "node", last)

    return [before + name for name in _asked(look)]


def interfaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the names of interfaces that any group has."""

    def look(transaction: Transaction) -> Iterable[str]:
        return {name for group in transaction.fetch("group") for name in group.body.get("interfaces", {})}

    return [name for name in _asked(look) if name.startswith(incomplete)]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes the names of luna's own settings and of those that have a value."""
    from luna_core.settings import CORE_SETTINGS

    known = {setting.name for setting in CORE_SETTINGS}
    known.update(_asked(lambda transaction: _names(transaction, "setting", incomplete)))
    return sorted(name for name in known if name.startswith(incomplete))


def kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completes kinds of objects."""
    from luna_core.model import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def _names(transaction: Transaction, kind: str, prefix: str) -> Sequence[str]:
    owners = transaction.owners(f"name:{kind}", prefix, prefix + LAST, limit=MOST_NAMES)
    return [owner.key.value for owner in owners]


def _sets(transaction: Transaction, prefix: str) -> Iterable[str]:
    titled = {f"{kind}:": kind for kind in ("group", "switch", "osimage")}
    found = ["@all", *(f"@{title}" for title in (*titled, "tag:", "rack:", "state:"))]
    found += [f"@{name}" for name in _names(transaction, "group", "")]
    for title, kind in titled.items():
        found += [f"@{title}{name}" for name in _names(transaction, kind, "")]
    return (one for one in found if one.startswith(prefix) and one != prefix)


def _asked(look: Callable[[Transaction], Iterable[str]]) -> list[str]:
    from luna_core.operations import connect
    from luna_core.settings import machine_settings
    from luna_core.store import is_there

    try:
        settings = machine_settings()
        if not is_there(settings):
            return []
        with connect(settings) as luna:
            return sorted(luna.look(look))
    except Exception:  # a shell that waits for a completion is no place for an error
        return []
