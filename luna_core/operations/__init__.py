"""What can be done to a cluster. The CLI, the boot server and plugins all go through here."""

from typing import TYPE_CHECKING

from luna_core.operations.session import Luna, connect

if TYPE_CHECKING:
    from luna_core.operations.work import Work

__all__ = ["Luna", "Work", "connect"]


def __getattr__(name: str) -> object:
    """Import Work when somebody asks for it: it brings the model, which some commands do without."""
    if name == "Work":
        from luna_core.operations.work import Work

        return Work
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
