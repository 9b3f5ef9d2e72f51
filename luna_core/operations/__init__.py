"""What can be done to a cluster. The CLI, the boot server and plugins all go through here."""

from luna_core.operations.session import Luna, connect
from luna_core.operations.work import Work

__all__ = ["Luna", "Work", "connect"]
