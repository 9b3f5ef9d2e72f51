"""A MongoDB replica set for all tests of the store, and a store of its own for each."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.interfaces import Store
from luna_core.settings import MachineSettings
from luna_core.store import open_store
from luna_core.testing.mongod import ReplicaSet


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("mongod")) as running:
        yield running


@pytest.fixture(scope="session")
def new_database(replica_set: ReplicaSet) -> Callable[[], str]:
    """Gives the URL of another database each time."""
    numbers = itertools.count()
    return lambda: replica_set.url(f"test{next(numbers)}")


@pytest.fixture
def mongo_url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, of one kind and then of the other."""
    return f"sqlite://{tmp_path}/luna.db" if request.param == "sqlite" else request.getfixturevalue("mongo_url")


@pytest.fixture
def open_url() -> Iterator[Callable[[str], Store]]:
    """Opens a store as luna does, and closes it after the test."""
    stores: list[Store] = []

    def opened(url: str) -> Store:
        stores.append(open_store(MachineSettings(store=url)))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()
