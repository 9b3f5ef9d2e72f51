"""How long a boot session is good, whatever happens to the controller's clock."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from luna_core.boot import sessions
from luna_core.errors import NotFound
from luna_core.model import Node
from luna_core.model.boot import BootEvent, BootSession
from luna_core.operations import Luna, Work
from luna_core.operations.nodes import delete_nodes
from luna_core.operations.objects import rename

ADDRESS = "127.0.0.1"


@pytest.fixture
def token(luna: Luna) -> str:
    """A session's of node001, just opened."""
    return luna.note(lambda work: sessions.open_session(work, work.get(Node, "node001"), ADDRESS, {})).token


def is_good(luna: Luna, token: str) -> bool:
    try:
        luna.read(lambda work: sessions.authenticate(work, token, "node001", ADDRESS))
    except sessions.Refused:
        return False
    return True


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return super().now(tz) + ahead

    monkeypatch.setattr(sessions, "datetime", Clock)


def pass_minutes(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    later_s = time.clock_gettime(time.CLOCK_BOOTTIME) + 60 * minutes
    monkeypatch.setattr(time, "clock_gettime", lambda clock: later_s)


@pytest.mark.parametrize("days", [365, -365])
def test_a_clock_that_is_set_ends_no_session(
    luna: Luna, token: str, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    set_clock(monkeypatch, timedelta(days=days))
    assert is_good(luna, token)


def test_a_session_of_which_nothing_was_heard_ends_though_the_clock_was_set_back(
    luna: Luna, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, timedelta(days=-365))
    pass_minutes(monkeypatch, 29)
    assert is_good(luna, token)
    pass_minutes(monkeypatch, 2)
    assert not is_good(luna, token)


def test_what_another_controller_heard_goes_by_the_time_of_day(
    luna: Luna, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(work: Work) -> None:
        (session,) = work.all(BootSession)
        work.put(session.changed(heard_on="another"))

    luna.note(move)
    pass_minutes(monkeypatch, 31)
    assert is_good(luna, token)
    set_clock(monkeypatch, timedelta(minutes=31))
    assert not is_good(luna, token)


def test_a_new_boot_ends_each_that_was_not_over_even_one_of_a_clock_that_was_ahead(
    luna: Luna, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_another(work: Work) -> sessions.Opened:
        return sessions.open_session(work, work.get(Node, "node001"), ADDRESS, {})

    def end(work: Work) -> None:
        (first,) = sessions.boots(work, work.get(Node, "node001"))
        sessions.record_event(work, first, BootEvent(time=sessions.now(), phase="finish", status="done"))

    luna.note(end)
    set_clock(monkeypatch, timedelta(days=365))
    luna.note(open_another)
    set_clock(monkeypatch, timedelta(days=1))
    before = luna.note(open_another)
    set_clock(monkeypatch, timedelta(days=2))
    last = luna.note(open_another)
    found = luna.read(lambda work: sessions.boots(work, work.get(Node, "node001")))
    # The newest first, whatever the clock said.
    assert [one.outcome for one in found] == ["booting", "abandoned", "abandoned", "installed"]
    assert found[0].opened < found[2].opened
    assert is_good(luna, last.token)
    assert not is_good(luna, before.token)


def test_a_node_that_was_deleted_since_it_was_read_is_missed_but_not_one_that_was_renamed(luna: Luna) -> None:
    node = luna.read(lambda work: work.get(Node, "node001"))
    luna.read(lambda work: work.refuse_gone(node))
    luna.change(lambda work: rename(work, Node, "node001", "login"), "rename")
    luna.read(lambda work: work.refuse_gone(node))
    luna.change(lambda work: rename(work, Node, "node002", "node001"), "give another its name")
    luna.read(lambda work: work.refuse_gone(node))
    luna.change(lambda work: delete_nodes(work, "login"), "delete")
    with pytest.raises(NotFound):
        luna.read(lambda work: work.refuse_gone(node))


def test_of_two_boots_that_are_written_together_one_is_good(luna: Luna) -> None:
    def open_both(work: Work) -> list[str]:
        return [sessions.open_session(work, work.get(Node, "node001"), ADDRESS, {}).token for _ in range(2)]

    assert [is_good(luna, one) for one in luna.note(open_both)] == [False, True]


def test_of_boots_that_begin_in_one_moment_the_last_is_good_until_the_next(
    luna: Luna, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        moment = datetime.now(UTC)

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(cls.moment.timestamp(), tz)

    def open_some(work: Work, count: int) -> list[str]:
        node = work.get(Node, "node001")
        return [sessions.open_session(work, node, ADDRESS, {}).token for _ in range(count)]

    monkeypatch.setattr(sessions, "datetime", Clock)
    tokens = luna.note(lambda work: open_some(work, 3))
    assert [is_good(luna, one) for one in tokens] == [False, False, True]
    tokens += luna.note(lambda work: open_some(work, 1))
    assert [is_good(luna, one) for one in tokens] == [False, False, False, True]
