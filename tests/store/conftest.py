"""A store of its own for each test."""

from collections.abc import Callable, Iterator

import pytest

from luna_core.interfaces import Store
from luna_core.settings import MachineSettings
from luna_core.store import open_store


@pytest.fixture
def mongo_url(new_database: Callable[[], str]) -> str:
    return new_database()


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
