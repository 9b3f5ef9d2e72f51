"""Tests of a store that several processes use, some of which die on the way."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from luna_core.interfaces import Store
from luna_core.testing.store_base import StoreTests, apply, fetch, holders, named, new

LONG_S = 60.0
KILLS = 5


class ProcessTests(StoreTests):
    """Processes share the store, and one that is killed leaves nothing behind but what it had been told is written."""

    def test_processes_make_a_new_store_together(self, store_url: str, make_store: Callable[[], Store]) -> None:
        """Whoever comes first, all succeed."""
        finish([worker(store_url, "open") for _ in range(4)])
        assert not fetch(make_store())

    def test_no_update_is_lost_between_processes(self, store: Store, store_url: str) -> None:
        """Each reads a number and writes the next."""
        apply(store, new("counter", {"count": 0}))
        finish([worker(store_url, "increment", "25") for _ in range(3)])
        assert [(record.revision, record.body) for record in fetch(store)] == [(76, {"count": 75})]

    def test_a_killed_writer_loses_nothing_that_was_acknowledged(self, store: Store, store_url: str) -> None:
        """It is killed at random moments; records and keys agree, and the next writer isn't kept waiting."""
        acknowledged: list[int] = []
        for _ in range(KILLS):
            with running(store_url, "append") as one:
                acknowledged += killed_at_random(one)
            stored = sorted(record.body["number"] for record in fetch(store) if "number" in record.body)
            assert set(acknowledged) <= set(stored)
            assert stored == list(range(len(stored)))
            assert [value for value, _ in holders(store)] == [f"{number:09}" for number in stored]
            assert [record.body["length"] for record in fetch(store, ["head"])] == [len(stored)]

    def test_a_writer_killed_in_a_transaction_is_no_hindrance(self, store: Store, store_url: str) -> None:
        """What it had begun is gone, and the next writer gets its turn without an error."""
        with running(store_url, "hold") as one:
            assert one.stdout
            assert one.stdout.readline() == "held\n"
        apply(store, new("next", {}, named("held")))
        assert [record.id for record in fetch(store)] == ["next"]

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:.*fork:UserWarning")
    def test_a_store_is_usable_after_a_fork(self, store: Store) -> None:
        """In the child as in the parent."""
        apply(store, new("parent"))
        child = os.fork()
        if not child:
            try:
                apply(store, new("child"))
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        apply(store, new("parent again"))
        assert [record.id for record in fetch(store)] == ["child", "parent", "parent again"]


def worker(url: str, *words: str) -> subprocess.Popen[str]:
    """Start `store_worker` on a store with these words."""
    command = [sys.executable, "-m", "luna_core.testing.store_worker", url, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - no shell


@contextmanager
def running(url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that is killed at the end."""
    one = worker(url, *words)
    try:
        yield one
    finally:
        one.kill()
        one.communicate()


def finish(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until all have succeeded."""
    try:
        assert [one.wait(LONG_S) for one in workers] == [0] * len(workers)
    finally:
        for one in workers:
            one.kill()
            one.communicate()


def killed_at_random(one: subprocess.Popen[str]) -> list[int]:
    """The numbers that a worker said before it was killed, some time after its first."""
    assert one.stdout
    lines = [one.stdout.readline() for _ in range(random.randint(1, 20))]  # noqa: S311 - any will do
    time.sleep(random.uniform(0, 0.005))  # noqa: S311 - so that every moment of a transaction has its turn
    one.kill()
    return [int(line) for line in [*lines, *one.stdout] if line.endswith("\n")]
