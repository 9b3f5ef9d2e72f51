"""Moving a cluster from one store to another."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from luna_core.errors import BadInput, StoreError
from luna_core.interfaces import Store
from luna_core.store.migrate import copy_store
from luna_core.testing.store_base import apply, changed, contents, named, new, removed
from luna_core.types import Write

OpenUrl = Callable[[str], Store]


@pytest.fixture(params=["to mongodb", "to sqlite"])
def pair(request: pytest.FixtureRequest, open_url: OpenUrl, tmp_path: Path, mongo_url: str) -> list[Store]:
    """A store with something in it, and one of the other kind."""
    stores = [open_url(f"sqlite://{tmp_path}/luna.db"), open_url(mongo_url)]
    if request.param == "to sqlite":
        stores.reverse()
    apply(
        stores[0], *(new(f"{number:04}", {"x": number, "ü": "\udcff"}, named(str(number))) for number in range(3_000))
    )
    apply(
        stores[0],
        changed("0007", 1, {"x": -7}, named("seven"), named("7")),
        removed("0008", 1),
        new("h", kind="history"),
    )
    return stores


def test_everything_arrives(pair: list[Store]) -> None:
    source, target = pair
    before = contents(source)
    assert copy_store(source, target) == 3_000
    assert contents(target) == contents(source) == before


def test_the_copy_is_a_store_like_any_other(pair: list[Store]) -> None:
    copy_store(*pair)
    apply(pair[1], changed("0007", 2, {}, named("8")))
    assert len(contents(pair[1])) == 3_000


def test_a_store_that_is_not_empty_is_kept(pair: list[Store]) -> None:
    source, target = pair
    apply(target, new("mine", {}, named("7")))
    before = contents(target)
    with pytest.raises(BadInput, match="not empty: it holds 1 records"):
        copy_store(source, target)
    assert contents(target) == before


def test_a_store_that_is_not_empty_is_overwritten_when_told(pair: list[Store]) -> None:
    source, target = pair
    apply(target, new("mine", {}, named("7")), new("0001", {"other": True}, named("1")))
    assert copy_store(source, target, overwrite=True) == 3_000
    assert contents(target) == contents(source)


def test_a_copy_that_differs_is_not_made(pair: list[Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong on the way, the target is as it was."""
    source, target = pair
    apply(target, new("mine"))
    before = contents(target)
    transaction = target.run(type, write=False)
    load = transaction.load

    def lossy(self: object, writes: Iterable[Write]) -> None:
        load(self, [one for one in writes if one.id != "2999"])

    monkeypatch.setattr(transaction, "load", lossy)
    with pytest.raises(StoreError, match="differed"):
        copy_store(source, target, overwrite=True)
    assert contents(target) == before


def test_a_store_is_not_copied_to_itself(open_url: OpenUrl, store_url: str) -> None:
    stores = [open_url(store_url) for _ in range(2)]
    apply(stores[0], new("a"))
    with pytest.raises(BadInput, match="itself"):
        copy_store(*stores, overwrite=True)
    assert [one.id for one in contents(stores[0])] == ["a"]
