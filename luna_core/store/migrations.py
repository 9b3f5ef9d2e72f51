"""Brings a store up to the shape that this version of luna writes: forward only, all steps in one transaction."""

from collections.abc import Callable, Iterable, Sequence

from luna_core.errors import StoreError
from luna_core.interfaces import Store, Transaction
from luna_core.types import Record, Write

Migration = Callable[[Transaction], Iterable[Write]]

KIND = "store"
ID = "schema"

# MIGRATIONS[0] leads from version 1 to 2, and so on. One that was released is never changed again.
MIGRATIONS: Sequence[Migration] = ()


def upgrade(store: Store, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Run the migrations that the store has not seen; a new store needs none.

    Raises StoreError if a newer luna wrote the store. A crash on the way leaves the store as it was.
    """
    current = 1 + len(migrations)
    if store.run(version, write=False) != current:
        store.run(lambda transaction: _migrate(transaction, migrations), write=True)


def version(transaction: Transaction) -> int:
    """The version of the store's shape; 0 for a store that is still empty."""
    record = _record(transaction)
    return int(record.body["version"]) if record else 0


def _record(transaction: Transaction) -> Record | None:
    return next(iter(transaction.fetch(KIND, [ID])), None)


def _migrate(transaction: Transaction, migrations: Sequence[Migration]) -> None:
    # Another process may have migrated since the version was first read.
    record = _record(transaction)
    found = version(transaction)
    current = 1 + len(migrations)
    if found > current:
        raise StoreError(
            f"The store was written by a newer luna: its version is {found}, and this luna knows up to {current}. "
            "Install that luna, or restore a backup from before its installation."
        )
    if found == current:
        return
    for migration in migrations[found - 1 :] if found else ():
        transaction.apply(list(migration(transaction)))
    revision = record.revision if record else 0
    transaction.apply([Write(kind=KIND, id=ID, revision=revision, body={"version": current})])
