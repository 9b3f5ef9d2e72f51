"""Tests of what makes names, MACs and addresses unique: the keys of records."""

from collections.abc import Callable

import pytest

from luna_core.errors import AlreadyExists
from luna_core.interfaces import Store, Transaction
from luna_core.testing.store_base import StoreTests, apply, changed, fetch, holders, named, new, removed
from luna_core.types import Key, Owner, Write


class KeyTests(StoreTests):
    """No two records hold one key, and keys are found by ranges of their values."""

    @pytest.mark.parametrize("together", [False, True], ids=["one after the other", "in one apply"])
    def test_a_key_has_one_holder(self, store: Store, together: bool) -> None:
        """The second who wants it gets an error that names key and holder, and nothing of it is written."""
        writes = [new("a", {}, named("1")), new("b", {}, named("2"), named("1")), new("c")]
        if not together:
            apply(store, writes.pop(0))
        with pytest.raises(AlreadyExists) as caught:
            apply(store, *writes)
        assert "'1'" in str(caught.value)
        assert (caught.value.space, caught.value.value) == ("name", "1")
        assert holders(store) == ([] if together else [("1", "a")])
        assert len(fetch(store)) == len(holders(store))

    def test_the_same_value_in_another_space_is_another_key(self, store: Store) -> None:
        """As a node and a switch may have one name."""
        apply(store, new("a", {}, Key(space="name", value="1")), new("b", {}, Key(space="names", value="1")))
        assert holders(store) == [("1", "a")]

    def test_a_key_given_twice_by_its_holder_is_held_once(self, store: Store) -> None:
        """Which keys belong together is for the layer above to say."""
        apply(store, new("a", {}, named("1"), named("1")))
        assert holders(store) == [("1", "a")]

    def test_a_write_replaces_all_keys_of_its_record(self, store: Store) -> None:
        """Those that it doesn't give again are free, at once."""
        apply(store, new("a", {}, named("1"), named("2")))
        apply(store, changed("a", 1, {}, named("2"), named("3")), new("b", {}, named("1")))
        assert holders(store) == [("1", "b"), ("2", "a"), ("3", "a")]

    def test_a_removed_record_gives_its_keys_up(self, store: Store) -> None:
        """In the same apply already."""
        apply(store, new("a", {}, named("1")))
        apply(store, new("b", {}, named("1")), removed("a", 1))
        assert holders(store) == [("1", "b")]

    def test_records_swap_their_keys(self, store: Store) -> None:
        """Two, and three in a circle, in one apply."""
        apply(store, *(new(id_, {}, named(id_)) for id_ in "abc"))
        apply(store, changed("a", 1, {}, named("b")), changed("b", 1, {}, named("a")))
        assert holders(store) == [("a", "b"), ("b", "a"), ("c", "c")]
        circle = [("a", 2, "c"), ("b", 2, "b"), ("c", 1, "a")]
        apply(store, *(changed(id_, revision, {}, named(value)) for id_, revision, value in circle))
        assert holders(store) == [("a", "c"), ("b", "b"), ("c", "a")]

    def test_a_refused_apply_gives_up_no_key(self, store: Store) -> None:
        """What it would have freed is still held."""
        apply(store, new("a", {}, named("1")), new("b", {}, named("2")))
        with pytest.raises(AlreadyExists):
            apply(store, changed("a", 1, {}, named("2")))
        assert holders(store) == [("1", "a"), ("2", "b")]

    def test_a_range_is_inclusive_ordered_and_limited(self, store: Store) -> None:
        """From either end."""
        apply(store, *(new(value, {}, named(value)) for value in "cadbe"))
        assert [value for value, _ in holders(store, "b", "d")] == ["b", "c", "d"]
        assert [value for value, _ in holders(store, "b", "d", descending=True)] == ["d", "c", "b"]
        assert [value for value, _ in holders(store, "b", "z", limit=2)] == ["b", "c"]
        assert [value for value, _ in holders(store, "a", "d", limit=2, descending=True)] == ["d", "c"]
        assert holders(store, limit=0) == holders(store, "d", "b") == holders(store, "f", "z") == []

    def test_values_sort_by_code_point(self, store: Store) -> None:
        """Not by a locale, a number or UTF-16; nothing in them is a pattern; a prefix sorts first."""
        values = [
            "",
            "A",
            "Z",
            "a",
            "a\x00",
            "aa",
            "a%",
            "a*",
            "a_",
            "z",
            "é",
            "\uffee",
            "\U0001f319",
            "10",
            "9",
            "x" * 3_000,
        ]
        apply(store, *(new(str(place), {}, named(value)) for place, value in enumerate(values)))
        assert [value for value, _ in holders(store)] == sorted(values)
        for value in values:
            assert [found for found, _ in holders(store, value, value)] == [value]

    def test_an_owner_names_key_kind_and_id(self, store: Store) -> None:
        """All that is needed to fetch it."""
        apply(store, Write(kind="node", id="7", revision=0, body={}, keys=(named("1"),)))
        found = store.run(lambda transaction: transaction.owners("name", "1", "1"), write=False)
        assert found == [Owner(key=named("1"), kind="node", id="7")]

    def test_a_transaction_sees_its_own_changes(self, store: Store) -> None:
        """Records and keys, change after change."""

        def work(transaction: Transaction) -> None:
            transaction.apply([new("a", {"x": 1}, named("1"))])
            assert transaction.fetch("thing")[0].revision == 1
            transaction.apply([changed("a", 1, {"x": 2}, named("2"))])
            assert [(one.revision, one.body) for one in transaction.fetch("thing", ["a"])] == [(2, {"x": 2})]
            assert [owner.key.value for owner in transaction.owners("name", "0", "9")] == ["2"]

        store.run(work, write=True)
        assert holders(store) == [("2", "a")]

    def test_another_opening_sees_the_same_keys(self, store: Store, make_store: Callable[[], Store]) -> None:
        """And they are as unique there."""
        apply(store, new("a", {}, named("1")))
        other = make_store()
        assert holders(other) == [("1", "a")]
        with pytest.raises(AlreadyExists):
            apply(other, new("b", {}, named("1")))
