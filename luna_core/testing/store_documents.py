"""Tests of what a store keeps: records with their bodies and revisions."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from luna_core.errors import Conflict
from luna_core.interfaces import Store
from luna_core.testing.store_base import StoreTests, apply, changed, contents, fetch, named, new, removed
from luna_core.types import Record, Write

ODD_BODIES: dict[str, dict[str, Any]] = {
    "empty": {},
    "numbers": {"big": 2**80, "negative": -(2**63) - 1, "float": 0.1, "tiny": 5e-324, "zero": -0.0},
    "null, true, nested": {"a": None, "b": [True, {"c": [[], {}]}]},
    "field names with a meaning elsewhere": {"$set": {"a.b": 1}, "_id": 1, "": 2, "a\x00b": 3},
    "unicode": {"läuft": "\U0001f319 \u202e \x00 \x7f \ufffe", "é": "é"},
    "file names that are not UTF-8": {"name": "\udcff\udc80"},
    "a long text": {"text": "0123456789abcdef" * 131_072},
    "many fields": {f"field{number}": number for number in range(10_000)},
    "deep": {"list": eval("[" * 90 + "]" * 90)},  # noqa: S307 - brackets only
}


class DocumentTests(StoreTests):
    """Records come back as they were written, at the revision that they should have."""

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
    def test_a_body_comes_back_as_it_was(
        self, store: Store, make_store: Callable[[], Store], body: dict[str, Any]
    ) -> None:
        """Exactly, with the order of its fields, here and where the store is opened anew."""
        apply(store, new("a", body))
        for one in (store, make_store()):
            (record,) = fetch(one)
            assert record == Record(kind="thing", id="a", revision=1, body=body)
            assert repr(record.body) == repr(body)

    @pytest.mark.parametrize("body", [{"a": {1, 2}}, {"a": b""}, {"a": float("nan")}], ids=["set", "bytes", "NaN"])
    def test_a_body_that_is_no_json_is_refused(self, store: Store, body: dict[str, Any]) -> None:
        """A mistake in the program, and nothing is written."""
        with pytest.raises((TypeError, ValueError)):
            apply(store, new("good"), new("bad", body))
        assert not fetch(store)

    def test_ids_and_kinds_are_any_text(self, store: Store) -> None:
        """Whatever a database does with quotes, dots or dollars, they are only text here."""
        texts = ["", "'", '"', "a.b", "$a", "%", "ä", "\U0001f319", "a b", "x" * 500, "a\x00b", "NULL", "1", "01"]
        apply(store, *(new(id_, {"id": id_}, kind=kind) for kind in texts for id_ in texts))
        for kind in texts:
            assert [record.body["id"] for record in fetch(store, kind=kind)] == sorted(texts)
            assert [record.id for record in fetch(store, texts, kind=kind)] == texts

    def test_all_records_of_a_kind_come_by_id(self, store: Store) -> None:
        """In code point order, and none of another kind."""
        apply(store, new("b"), new("\U0001f319"), new("a"), new("B"), new("\uffee"), new("other", kind="thin"))
        assert [record.id for record in fetch(store)] == ["B", "a", "b", "\uffee", "\U0001f319"]

    def test_records_come_in_the_order_of_their_ids_as_given(self, store: Store) -> None:
        """Without those that don't exist, and twice if asked for twice."""
        apply(store, *(new(id_) for id_ in "abc"))
        assert [record.id for record in fetch(store, ["c", "none", "a", "c"])] == ["c", "a", "c"]
        assert not fetch(store, [])
        assert not fetch(store, ["a"], kind="other")

    def test_thousands_of_ids_at_once(self, store: Store) -> None:
        """No limit of the database on parameters or commands shows."""
        ids = [f"{number:05}" for number in range(5_000)]
        apply(store, *(new(id_, {}, named(id_)) for id_ in ids))
        backwards = ids[::-1]
        assert [record.id for record in fetch(store, backwards)] == backwards
        apply(store, *(changed(id_, 1, {"again": True}, named(id_)) for id_ in ids))
        assert all(record.revision == 2 for record in fetch(store))

    def test_revisions_grow_by_one(self, store: Store) -> None:
        """With each write of the record, and of no other; a record that is made again begins anew."""
        apply(store, new("a"), new("b"))
        apply(store, changed("a", 1))
        apply(store, changed("a", 2))
        assert [(record.id, record.revision) for record in fetch(store)] == [("a", 3), ("b", 1)]
        apply(store, removed("a", 3))
        apply(store, new("a"))
        assert [(record.id, record.revision) for record in fetch(store)] == [("a", 1), ("b", 1)]

    @pytest.mark.parametrize(
        "late",
        [new("a"), changed("a", 1), changed("a", 3), removed("a", 1), changed("none", 1), removed("none", 1)],
        ids=["made twice", "old", "from the future", "removed by an old", "changed but gone", "removed but gone"],
    )
    def test_another_revision_than_the_stored_is_a_conflict(self, store: Store, late: Write) -> None:
        """And nothing of the whole is written, whatever its place in it."""
        apply(store, new("a", {}, named("1")))
        apply(store, changed("a", 1, {"second": True}, named("2")))
        for writes in itertools.permutations([new("before", {}, named("x")), late]):
            with pytest.raises(Conflict) as caught:
                apply(store, *writes)
            assert late.id in str(caught.value)
        assert fetch(store) == [Record(kind="thing", id="a", revision=2, body={"second": True})]

    def test_one_record_written_twice_at_once_is_refused(self, store: Store) -> None:
        """For which of the two would count? A mistake in the program."""
        with pytest.raises(ValueError, match="twice"):
            apply(store, new("a", {"first": True}), new("a", {"first": False}))
        assert not fetch(store)

    def test_removing_what_was_never_read_is_refused(self, store: Store) -> None:
        """A mistake in the program."""
        with pytest.raises(ValueError, match="a is removed"):
            apply(store, removed("a", 0))

    def test_nothing_to_write(self, store: Store) -> None:
        """Is no error."""
        apply(store)
        assert not fetch(store)

    def test_a_store_opened_anew_has_everything(self, store: Store, make_store: Callable[[], Store]) -> None:
        """Closing loses nothing, and closing twice is harmless."""
        apply(store, new("a", {"x": 1}, named("1")))
        store.close()
        store.close()
        apply(again := make_store(), changed("a", 1, {"x": 2}, named("1")))
        assert fetch(again) == [Record(kind="thing", id="a", revision=2, body={"x": 2})]

    def test_a_dump_loads_into_an_equal_store(self, store: Store) -> None:
        """Every record with its revision and keys, in the order of kind and id."""
        apply(store, new("b", {"x": 1}, named("2"), named("1")), new("a", kind="other"), new("a"))
        apply(store, changed("b", 1, {"x": 2}, named("1"), named("3")))
        dump = contents(store)
        found = [(one.kind, one.id, one.revision) for one in dump]
        assert found == [("other", "a", 1), ("thing", "a", 1), ("thing", "b", 2)]
        assert set(dump[2].keys) == {named("1"), named("3")}
        apply(store, *(replace(one, body=None) for one in dump))
        assert not contents(store)
        store.run(lambda transaction: transaction.load(iter(dump)), write=True)
        assert contents(store) == dump

    def test_loading_over_what_exists_is_a_conflict(self, store: Store) -> None:
        """And loads nothing."""
        apply(store, new("b"))
        with pytest.raises(Conflict):
            store.run(lambda transaction: transaction.load([new("a"), changed("b", 7)]), write=True)
        assert [(record.id, record.revision) for record in fetch(store)] == [("b", 1)]
