"""Tests of what a transaction is: all or nothing, a consistent view, and over when it is over."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from luna_core.errors import AlreadyExists, Conflict, LunaError
from luna_core.interfaces import Store, Transaction
from luna_core.testing.store_base import StoreTests, apply, changed, fetch, holders, named, new, removed
from luna_core.types import Write

LONG_S = 30.0  # for what happens at once unless the store is broken
TURN_S = 0.5


class TransactionTests(StoreTests):
    """Threads and openings of one store don't get in each other's way."""

    def test_run_returns_what_the_function_returns(self, store: Store) -> None:
        """Whatever it is."""
        assert store.run(lambda transaction: (len(transaction.fetch("thing")), "x"), write=True) == (0, "x")
        assert store.run(lambda _: None, write=False) is None

    @pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, Conflict, AlreadyExists])
    def test_an_exception_undoes_everything(self, store: Store, error: type[BaseException]) -> None:
        """And comes out as it went in."""
        apply(store, new("a", {"x": 1}, named("1")))

        def work(transaction: Transaction) -> None:
            transaction.apply([changed("a", 1, {"x": 2}, named("2")), new("b", {}, named("1"))])
            raise error("from the function")

        with pytest.raises(error, match="from the function"):
            store.run(work, write=True)
        assert [(record.id, record.body) for record in fetch(store)] == [("a", {"x": 1})]
        assert holders(store) == [("1", "a")]

    @pytest.mark.parametrize("late", [new("a"), new("b", {}, named("1")), removed("a", 7)])
    def test_a_refused_apply_can_not_be_swallowed(self, store: Store, late: Write) -> None:
        """A function that catches the error and goes on still writes nothing."""
        apply(store, new("a", {}, named("1")))

        def work(transaction: Transaction) -> None:
            transaction.apply([new("before", {}, named("2"))])
            with pytest.raises((Conflict, AlreadyExists)):
                transaction.apply([late])
            transaction.apply([new("after")])

        with pytest.raises(LunaError):
            store.run(work, write=True)
        assert holders(store) == [("1", "a")]

    def test_a_body_that_is_no_json_can_not_be_swallowed(self, store: Store) -> None:
        """Nor can any other error of an apply that was half done."""
        apply(store, new("a", {}, named("1")))

        def work(transaction: Transaction) -> None:
            with pytest.raises(TypeError):
                transaction.apply([changed("a", 1, {}, named("2")), new("b", {"body": {1, 2}})])

        with pytest.raises(TypeError):
            store.run(work, write=True)
        assert holders(store) == [("1", "a")]

    def test_a_run_for_reading_changes_nothing(self, store: Store) -> None:
        """It is a mistake in the program to try."""
        with pytest.raises(RuntimeError):
            store.run(lambda transaction: transaction.apply([new("a")]), write=False)
        with pytest.raises(RuntimeError):
            store.run(lambda transaction: transaction.load([new("a")]), write=False)
        assert not fetch(store)

    @pytest.mark.parametrize("write", [False, True])
    def test_a_run_inside_a_run_is_refused(self, store: Store, write: bool) -> None:
        """It would wait for itself, or see another state; the store is as usable as before."""
        with pytest.raises(RuntimeError, match="inside"):
            store.run(lambda _: store.run(lambda _: None, write=False), write=write)
        apply(store, new("a"))

    def test_a_transaction_ends_with_its_function(self, store: Store) -> None:
        """What is kept of it works no longer."""
        apply(store, new("a", {}, named("1")))
        kept = store.run(lambda transaction: transaction, write=True)
        dump = store.run(lambda transaction: iter(transaction.dump()), write=False)
        for use in (
            lambda: kept.fetch("thing"),
            lambda: kept.owners("name", "", "z"),
            lambda: kept.apply([new("b")]),
            lambda: next(dump),
        ):
            with pytest.raises(RuntimeError):
                use()

    def test_a_closed_store_is_refused(self, store: Store) -> None:
        """A mistake in the program."""
        store.close()
        with pytest.raises(RuntimeError, match="closed"):
            fetch(store)

    def test_a_reader_keeps_its_view(self, store: Store, make_store: Callable[[], Store]) -> None:
        """While another writes and commits; the next run sees it."""
        apply(store, new("a", {"x": 1}, named("1")))
        other = make_store()

        def work(transaction: Transaction) -> None:
            assert transaction.fetch("thing")[0].body == {"x": 1}
            apply(other, changed("a", 1, {"x": 2}, named("2")), new("b"))
            assert [record.body for record in transaction.fetch("thing")] == [{"x": 1}]
            assert [owner.key.value for owner in transaction.owners("name", "0", "9")] == ["1"]
            assert [write.id for write in transaction.dump() if write.kind == "thing"] == ["a"]

        store.run(work, write=False)
        assert [record.body for record in fetch(store)] == [{"x": 2}, {}]

    def test_nobody_sees_what_is_not_committed(self, store: Store, make_store: Callable[[], Store]) -> None:
        """Nor waits for it in order to read."""
        apply(store, new("a", {"x": 1}, named("1")))
        other = make_store()

        def work(transaction: Transaction) -> None:
            transaction.apply([changed("a", 1, {"x": 2}, named("2")), new("b")])
            assert [record.body for record in fetch(other)] == [{"x": 1}]
            assert holders(other) == [("1", "a")]

        store.run(work, write=True)
        assert holders(other) == [("2", "a")]

    def test_writers_take_turns(self, store: Store, make_store: Callable[[], Store]) -> None:
        """Neither may rest on what the other is about to change, even if they write different records."""
        second_reads = threading.Event()
        other = make_store()

        def first(transaction: Transaction) -> bool:
            free = not transaction.fetch("thing", ["second"])
            transaction.owners("name", "", "z")
            if free:
                # Where writers take turns, the second can't come to its reading; where they don't, both see it free.
                if not started:
                    started.append(pool.submit(other.run, second, write=True))
                second_reads.wait(TURN_S)
                transaction.apply([new("first")])
            return free

        def second(transaction: Transaction) -> bool:
            free = not transaction.fetch("thing", ["first"])
            second_reads.set()
            if free:
                transaction.apply([new("second")])
            return free

        with ThreadPoolExecutor() as pool:
            started: list[object] = []
            outcome = [store.run(first, write=True), *(one.result(LONG_S) for one in started)]  # type: ignore[attr-defined]
        assert sorted(outcome) == [False, True]
        assert len(fetch(store)) == 1

    def test_threads_share_one_store(self, store: Store) -> None:
        """No update is lost among those that read, change and write back."""
        apply(store, new("counter", {"count": 0}))

        def increment(transaction: Transaction) -> None:
            (record,) = transaction.fetch("thing", ["counter"])
            transaction.apply([changed("counter", record.revision, {"count": record.body["count"] + 1})])

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(store.run, increment, write=True) for _ in range(40)]:
                done.result(LONG_S)
        assert [(record.revision, record.body) for record in fetch(store)] == [(41, {"count": 40})]

    def test_a_store_may_be_closed_by_another_thread(self, store: Store) -> None:
        """As at the end of a server."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(apply, store, new("a")).result(LONG_S)
        store.close()
