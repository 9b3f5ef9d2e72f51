"""What luna is told of this plugin."""

from collections.abc import Iterable

from luna_core.hookspecs import hookimpl
from luna_core.types import Command


@hookimpl
def luna_commands() -> Iterable[Command]:
    """Add `luna lab`."""
    return [Command(name="lab", load="luna_lab.commands:lab", help="A virtual cluster on this machine.")]
