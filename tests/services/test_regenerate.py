import asyncio
from collections.abc import Hashable, Iterator

import pytest

from luna_core.errors import StoreError
from luna_core.services.regenerate import Watch


class Scripted:
    """Answers one after the other; the last one ends the watch."""

    def __init__(self, *answers: Hashable) -> None:
        self.answers: Iterator[Hashable] = iter(answers)
        self.refreshed_after: list[Hashable] = []
        self.last: Hashable = None

    def newest(self) -> Hashable:
        self.last = next(self.answers, "end")
        if self.last == "end":
            raise KeyboardInterrupt
        if isinstance(self.last, Exception):
            raise self.last
        return self.last

    async def refresh(self) -> None:
        self.refreshed_after.append(self.last)

    def run(self) -> list[Hashable]:
        watch = Watch(newest=self.newest, refresh=self.refresh, poll_s=0, quiet_s=0, longest_s=60)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(watch.run())
        return self.refreshed_after


def test_it_refreshes_at_once_and_then_only_after_changes() -> None:
    assert Scripted(1, 1, 1, 1).run() == [1]
    assert Scripted(1, 1, 2, 2, 2, 2).run() == [1, 2]


def test_a_burst_of_changes_is_taken_up_together() -> None:
    assert Scripted(1, 2, 3, 4, 5, 5, 5, 5).run() == [1, 5]


def test_a_store_that_is_away_for_a_while_stops_nothing() -> None:
    away = StoreError("The store can't be reached.")
    assert Scripted(1, away, away, 1, away, 2, 2, 2, 2).run() == [1, 2]


def test_a_refresh_that_failed_is_done_again_and_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    class Failing(Scripted):
        async def refresh(self) -> None:
            await super().refresh()
            if len(self.refreshed_after) < 3:
                raise StoreError("There is no primary.")

        def run(self) -> list[Hashable]:
            watch = Watch(newest=self.newest, refresh=self.refresh, poll_s=0, quiet_s=0, longest_s=60, again_s=0)
            with pytest.raises(KeyboardInterrupt):
                asyncio.run(watch.run())
            return self.refreshed_after

    assert Failing(*[1] * 20).run() == [1, 1, 1]
    assert capfd.readouterr().err == "luna: There is no primary.\n"


def test_a_change_during_a_refresh_is_not_lost() -> None:
    class Busy(Scripted):
        async def refresh(self) -> None:
            await super().refresh()
            if len(self.refreshed_after) == 1:
                next(self.answers)

    assert Busy(1, 2, 3, 3, 3, 3).run() == [1, 3]
