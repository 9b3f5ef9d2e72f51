"""Both stores do what a few lines on dictionaries do, whatever comes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from luna_core.errors import AlreadyExists, Conflict
from luna_core.interfaces import Store, Transaction
from luna_core.testing.store_base import apply, contents
from luna_core.types import Key, Owner, Record, Write

KINDS = st.sampled_from(["node", "n"])
IDS = st.sampled_from(["1", "10", "2", "é", ""])
SPACES = st.sampled_from(["name", "mac"])
VALUES = st.sampled_from(["", "a", "a\x00", "ab", "b", "ü", "\uffee", "\U0001f319"])
KEYS = st.lists(st.builds(Key, space=SPACES, value=VALUES), max_size=3).map(tuple)
BODIES = st.none() | st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=3)
# A revision is right more often than not; `off` makes it wrong.
WISHES = st.tuples(KINDS, IDS, st.sampled_from([0, 0, 0, 0, 0, 1, -1]), BODIES, KEYS)


class Model:
    """What a store is, in dictionaries."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Record] = {}
        self.keys: dict[Key, tuple[str, str]] = {}

    def apply(self, writes: Sequence[Write]) -> None:
        records = dict(self.records)
        places = {(write.kind, write.id) for write in writes}
        keys = {key: owner for key, owner in self.keys.items() if owner not in places}
        for write in writes:
            place = (write.kind, write.id)
            if write.revision != self.revision(*place):
                raise Conflict("")
            records.pop(place, None)
            if write.body is not None:
                records[place] = Record(kind=write.kind, id=write.id, revision=write.revision + 1, body=write.body)
        for write in writes:
            for key in write.keys if write.body is not None else ():
                if keys.setdefault(key, (write.kind, write.id)) != (write.kind, write.id):
                    raise AlreadyExists("")
        self.records, self.keys = records, keys

    def revision(self, kind: str, id_: str) -> int:
        found = self.records.get((kind, id_))
        return found.revision if found else 0

    def contents(self) -> list[Write]:
        held: dict[tuple[str, str], list[Key]] = {}
        for key, owner in sorted(self.keys.items(), key=lambda item: (item[0].space, item[0].value)):
            held.setdefault(owner, []).append(key)
        return [
            Write(kind=one.kind, id=one.id, revision=one.revision, body=one.body, keys=tuple(held.get(place, ())))
            for place, one in sorted(self.records.items())
        ]

    def owners(self, space: str, low: str, high: str, limit: int | None, descending: bool) -> list[Owner]:
        found = [Owner(key=key, kind=kind, id=id_) for key, (kind, id_) in self.keys.items() if key.space == space]
        found = [owner for owner in found if low <= owner.key.value <= high]
        return sorted(found, key=lambda owner: owner.key.value, reverse=descending)[:limit]


class Agreement(RuleBasedStateMachine):
    def __init__(self, stores: Sequence[Store]) -> None:
        super().__init__()
        self.stores = stores
        self.model = Model()
        for store in stores:
            apply(
                store, *(Write(kind=one.kind, id=one.id, revision=one.revision, body=None) for one in contents(store))
            )

    def writes(self, wishes: Sequence[tuple[Any, ...]]) -> list[Write]:
        chosen = {(kind, id_): (off, body, keys) for kind, id_, off, body, keys in wishes}
        writes = [
            Write(kind=kind, id=id_, revision=max(0, self.model.revision(kind, id_) + off), body=body, keys=keys)
            for (kind, id_), (off, body, keys) in chosen.items()
        ]
        return [write for write in writes if write.revision or write.body is not None]

    @rule(wishes=st.lists(WISHES, min_size=1, max_size=4))
    def apply(self, wishes: Sequence[tuple[Any, ...]]) -> None:
        writes = self.writes(wishes)
        expected = outcome(lambda: self.model.apply(writes))
        assert [outcome(lambda store=store: apply(store, *writes)) for store in self.stores] == [expected] * 2

    @rule(first=st.lists(WISHES, max_size=3), second=st.lists(WISHES, max_size=3), stays=st.booleans())
    def apply_twice(self, first: Sequence[Any], second: Sequence[Any], stays: bool) -> None:
        """In one transaction, which may be given up in the end."""
        before = (self.model.records, self.model.keys)
        steps: list[list[Write]] = []

        def of_model() -> None:
            for wishes in (first, second):
                steps.append(self.writes(wishes))
                self.model.apply(steps[-1])
            if not stays:
                raise ZeroDivisionError

        def of_store(transaction: Transaction) -> None:
            for step in steps:
                transaction.apply(step)
            if not stays:
                raise ZeroDivisionError

        expected = outcome(of_model)
        if expected:
            self.model.records, self.model.keys = before
        assert [outcome(lambda store=store: store.run(of_store, write=True)) for store in self.stores] == [expected] * 2

    @rule(kind=KINDS, ids=st.none() | st.lists(IDS, max_size=4))
    def fetch(self, kind: str, ids: list[str] | None) -> None:
        wanted = sorted(id_ for one, id_ in self.model.records if one == kind) if ids is None else ids
        expected = [self.model.records[kind, id_] for id_ in wanted if (kind, id_) in self.model.records]
        for store in self.stores:
            assert store.run(lambda transaction: transaction.fetch(kind, ids), write=False) == expected

    @rule(space=SPACES, low=VALUES, high=VALUES, limit=st.none() | st.integers(0, 4), descending=st.booleans())
    def owners(self, space: str, low: str, high: str, limit: int | None, descending: bool) -> None:
        expected = self.model.owners(space, low, high, limit, descending)
        for store in self.stores:
            found = store.run(
                lambda transaction: transaction.owners(space, low, high, limit=limit, descending=descending),
                write=False,
            )
            assert found == expected

    @invariant()
    def all_hold_the_same(self) -> None:
        expected = self.model.contents()
        for store in self.stores:
            assert contents(store) == expected


def outcome(work: Callable[[], object]) -> type[Exception] | None:
    try:
        work()
    except (Conflict, AlreadyExists, ZeroDivisionError) as error:
        return type(error)
    return None


def test_both_stores_agree_with_the_model(open_url: Callable[[str], Store], mongo_url: str, tmp_path: Path) -> None:
    stores = [open_url(f"sqlite://{tmp_path}/luna.db"), open_url(mongo_url)]
    run_state_machine_as_test(
        lambda: Agreement(stores),
        settings=settings(
            max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
