"""How long a boot session is good, whatever happens to the controller's clock."""

import time
from datetime import datetime, timedelta, tzinfo

import pytest

from luna_core.boot import sessions
from luna_core.model import Node
from luna_core.model.boot import BootSession
from luna_core.operations import Luna, Work

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
