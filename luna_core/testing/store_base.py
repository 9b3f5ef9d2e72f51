"""What the tests of a store have in common: the fixtures, and short ways to write and read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from luna_core.interfaces import Store
from luna_core.settings import MachineSettings
from luna_core.store import open_store
from luna_core.store.migrations import KIND
from luna_core.types import Key, Record, Write

Body = Mapping[str, Any]


class StoreTests:
    """The fixtures of every class of tests of a store."""

    @pytest.fixture
    def store_url(self) -> str:
        """The URL of a new, empty store: this is what a subclass overrides."""
        raise NotImplementedError

    @pytest.fixture
    def make_store(self, store_url: str) -> Iterator[Callable[[], Store]]:
        """Opens the same store each time it is called, as another process would; all are closed afterwards."""
        opened: list[Store] = []

        def make() -> Store:
            opened.append(open_store(MachineSettings(store=store_url)))
            return opened[-1]

        yield make
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, make_store: Callable[[], Store]) -> Store:
        """The store, open."""
        return make_store()


def new(id_: str, body: Body | None = None, *keys: Key, kind: str = "thing") -> Write:
    """A record that doesn't exist yet."""
    return Write(kind=kind, id=id_, revision=0, body=body or {}, keys=keys)


def changed(id_: str, revision: int, body: Body | None = None, *keys: Key) -> Write:
    """Another body and other keys for a thing that was read at `revision`."""
    return Write(kind="thing", id=id_, revision=revision, body=body or {}, keys=keys)


def removed(id_: str, revision: int) -> Write:
    """The end of a thing that was read at `revision`."""
    return Write(kind="thing", id=id_, revision=revision, body=None)


def named(value: str) -> Key:
    """A key of the space that the tests use."""
    return Key(space="name", value=value)


def apply(store: Store, *writes: Write) -> None:
    """Make the changes in a transaction of their own."""
    store.run(lambda transaction: transaction.apply(writes), write=True)


def fetch(store: Store, ids: Sequence[str] | None = None, *, kind: str = "thing") -> Sequence[Record]:
    """Records, read in a transaction of their own."""
    return store.run(lambda transaction: transaction.fetch(kind, ids), write=False)


def holders(store: Store, low: str = "", high: str = "\U0010ffff", **options: Any) -> list[tuple[str, str]]:
    """The keys from `low` to `high` with the things that hold them."""
    found = store.run(lambda transaction: transaction.owners("name", low, high, **options), write=False)
    return [(owner.key.value, owner.id) for owner in found]


def contents(store: Store) -> list[Write]:
    """Everything that the test has put into the store; the store's own version is left out."""
    return store.run(lambda transaction: [one for one in transaction.dump() if one.kind != KIND], write=False)
