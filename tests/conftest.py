"""One MongoDB replica set for all tests, and a new store of each kind for each of them."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

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


@pytest.fixture(params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new store, of one kind and then of the other."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'luna.db'}"
    return str(request.getfixturevalue("new_database")())
