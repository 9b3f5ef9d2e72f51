"""What a store holds."""

from typing import Any

from luna_core.interfaces import Transaction
from luna_core.settings import MachineSettings
from luna_core.store.documents import redacted
from luna_core.store.migrations import version


def contents(transaction: Transaction, settings: MachineSettings) -> dict[str, Any]:
    """The store's URL without passwords, its version, how many objects of each kind, and its newest change."""
    from luna_core.model import KINDS
    from luna_core.operations.history import last_number

    counts = {kind: len(transaction.owners(f"name:{kind}", "", "\U0010ffff")) for kind in KINDS}
    return {
        "store": redacted(settings.store),
        "version": version(transaction),
        "key_file": str(settings.key_file),
        "objects": {kind: count for kind, count in counts.items() if count},
        "changes": last_number(transaction),
    }
