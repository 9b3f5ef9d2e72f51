import threading

import pytest

from luna_lab.events import ENDED, Events


def test_waiting_finds_what_was_said_before_and_what_is_said_later() -> None:
    events = Events()
    events.add("node001", "one")
    assert events.wait("node001", "^on", 60).text == "one"
    waiting = threading.Thread(target=lambda: events.add("node001", "two"))
    waiting.start()
    assert events.wait("node001", "two", 60).text == "two"
    waiting.join()


def test_waiting_after_an_event_does_not_find_an_earlier_one() -> None:
    events = Events()
    events.add("node001", "up")
    first = events.wait("node001", "up", 60)
    with pytest.raises(TimeoutError):
        events.wait("node001", "up", 0.01, after=first)


def test_a_source_that_has_ended_is_not_waited_for_and_its_last_words_are_shown() -> None:
    events = Events()
    events.add("node001", "Kernel panic")
    events.add("node002", "all is well")
    events.add("node001", ENDED)
    with pytest.raises(TimeoutError, match=r"it has ended.*\n.*Kernel panic") as raised:
        events.wait("node001", "login:", 3600)
    assert "all is well" not in str(raised.value)
