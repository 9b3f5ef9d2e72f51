"""A MongoDB replica set for all tests of the store, and a database of its own for each."""

import itertools
from collections.abc import Callable, Iterator

import pytest

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
