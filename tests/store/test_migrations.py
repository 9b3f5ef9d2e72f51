"""Migrations on both stores. The fake ones lead from version 1 to 2 and on to 3."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from luna_core.errors import StoreError
from luna_core.interfaces import Store, Transaction
from luna_core.store.migrations import MIGRATIONS, upgrade, version
from luna_core.testing.store_base import apply, changed, contents, fetch, holders, named, new
from luna_core.types import Write

OpenUrl = Callable[[str], Store]

CRASH = """
import os, sys
from luna_core.settings import MachineSettings
from luna_core.store import open_store
from luna_core.store.migrations import upgrade
from luna_core.testing.store_base import changed

def rename(transaction):
    return [changed(one.id, one.revision, {"broken": True}) for one in transaction.fetch("thing")]

def crash(transaction):
    assert transaction.fetch("thing")[0].body == {"broken": True}
    os.kill(os.getpid(), 9)

upgrade(open_store(MachineSettings(store=sys.argv[1])), [rename, crash])
"""


def rename_size(transaction: Transaction) -> Iterable[Write]:
    """`size` becomes `size_bytes`."""
    for record in transaction.fetch("thing"):
        yield changed(record.id, record.revision, {"size_bytes": record.body["size"]}, named(record.id))


def double_size(transaction: Transaction) -> Iterable[Write]:
    for record in transaction.fetch("thing"):
        yield changed(record.id, record.revision, {"size_bytes": 2 * record.body["size_bytes"]}, named(record.id))


def fail(transaction: Transaction) -> Iterable[Write]:
    yield new("half")
    raise ZeroDivisionError


@pytest.fixture
def old(open_url: OpenUrl, store_url: str) -> Store:
    """A store at version 1 with two records."""
    store = open_url(store_url)
    apply(store, *(new(id_, {"size": 7}, named(id_)) for id_ in "ab"))
    return store


def version_of(store: Store) -> int:
    return store.run(version, write=False)


def test_a_new_store_has_the_current_version_and_needs_no_migration(open_url: OpenUrl, store_url: str) -> None:
    assert version_of(open_url(store_url)) == 1 + len(MIGRATIONS)


def test_a_migration_runs_once(old: Store) -> None:
    for _ in range(2):
        upgrade(old, [rename_size])
        assert [record.body for record in fetch(old)] == [{"size_bytes": 7}] * 2
        assert [record.revision for record in fetch(old)] == [2, 2]
    assert version_of(old) == 2
    assert holders(old) == [("a", "a"), ("b", "b")]


def test_migrations_build_on_each_other(old: Store) -> None:
    upgrade(old, [rename_size, double_size])
    assert [record.body for record in fetch(old)] == [{"size_bytes": 14}] * 2
    assert version_of(old) == 3


def test_a_store_between_the_versions_gets_the_rest(old: Store) -> None:
    upgrade(old, [rename_size])
    upgrade(old, [fail, double_size])
    assert [record.body for record in fetch(old)] == [{"size_bytes": 14}] * 2


def test_an_error_leaves_the_store_at_its_old_version(old: Store) -> None:
    before = contents(old)
    with pytest.raises(ZeroDivisionError):
        upgrade(old, [rename_size, fail])
    assert contents(old) == before
    assert version_of(old) == 1
    upgrade(old, [rename_size, double_size])
    assert version_of(old) == 3


def test_a_crash_leaves_the_store_at_its_old_version(old: Store, store_url: str, open_url: OpenUrl) -> None:
    before = contents(old)
    done = subprocess.run([sys.executable, "-c", CRASH, store_url], check=False)
    assert done.returncode == -9
    again = open_url(store_url)
    assert contents(again) == before
    assert version_of(again) == 1
    upgrade(again, [rename_size, double_size])
    assert [record.body for record in fetch(again)] == [{"size_bytes": 14}] * 2


def test_of_two_who_open_a_store_one_migrates(old: Store, store_url: str, open_url: OpenUrl) -> None:
    stores = [open_url(store_url) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(upgrade, store, [rename_size, double_size]) for store in stores]:
            done.result(100)
    assert [(record.revision, record.body) for record in fetch(old)] == [(3, {"size_bytes": 14})] * 2


def test_a_store_of_a_newer_luna_is_refused(old: Store, store_url: str, open_url: OpenUrl) -> None:
    upgrade(old, [rename_size])
    before = contents(old)
    with pytest.raises(StoreError, match=r"written by a newer luna: its version is 2, and this luna knows up to 1"):
        open_url(store_url)
    assert contents(old) == before
