"""A process of its own for the tests of a store: `python -m luna_core.testing.store_worker URL TASK`."""

import itertools
import sys

from luna_core.interfaces import Store, Transaction
from luna_core.settings import MachineSettings
from luna_core.store import open_store
from luna_core.testing.store_base import changed, named, new


def main(url: str, task: str, times: str = "1") -> None:
    """Open the store and do the task; `append` and `hold` go on until they are killed."""
    store = open_store(MachineSettings(store=url))
    if task == "increment":
        for _ in range(int(times)):
            store.run(increment, write=True)
    if task == "hold":
        store.run(hold, write=True)
    if task == "append":
        append_forever(store)
    store.close()


def increment(transaction: Transaction) -> None:
    """Add one to the thing `counter`."""
    (record,) = transaction.fetch("thing", ["counter"])
    transaction.apply([changed("counter", record.revision, {"count": record.body["count"] + 1})])


def hold(transaction: Transaction) -> None:
    """Write something, say so, and stay in the transaction."""
    transaction.apply([new("held", {}, named("held"))])
    print("held", flush=True)
    sys.stdin.read()


def append_forever(store: Store) -> None:
    """Add a numbered thing with its key, and say its number once that is written; `head` counts them."""
    for _ in itertools.count():
        print(store.run(append, write=True), flush=True)


def append(transaction: Transaction) -> int:
    """Add the next thing in two steps, which must be seen together or not at all."""
    head = next(iter(transaction.fetch("thing", ["head"])), None)
    number = int(head.body["length"]) if head else 0
    transaction.apply([new(f"{number:09}", {"number": number}, named(f"{number:09}"))])
    body = {"length": number + 1}
    transaction.apply([changed("head", head.revision, body) if head else new("head", body)])
    return number


if __name__ == "__main__":
    main(*sys.argv[1:])
