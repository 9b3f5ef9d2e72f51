"""What happens in a lab, as lines from named sources, and a way to wait for one of them."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

ENDED = "the machine has ended"
_SHOWN_LINES = 30


@dataclass(frozen=True, kw_only=True)
class Event:
    """A line that `source` said `at_s` seconds after the lab was made."""

    at_s: float
    source: str
    text: str


class Events:
    """A record that many threads write and read."""

    def __init__(self, listener: Callable[[Event], None] | None = None) -> None:
        self._began_s = time.monotonic()
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._listener = listener

    def add(self, source: str, text: str) -> None:
        """Record a line; the listener is called from the thread that adds."""
        event = Event(at_s=time.monotonic() - self._began_s, source=source, text=text)
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()
        if self._listener:
            self._listener(event)

    def of(self, source: str) -> list[Event]:
        """Everything that `source` said so far."""
        with self._changed:
            return [event for event in self._events if event.source == source]

    def wait(self, source: str, pattern: str, timeout_s: float, *, after: Event | None = None) -> Event:
        """The first line of `source` in which the regular expression is found, of those `after` another event.

        Raises TimeoutError, which shows the source's last lines, after `timeout_s` or as soon as the source has ended.
        """
        search = re.compile(pattern).search
        until_s = time.monotonic() + timeout_s
        with self._changed:
            seen = self._events.index(after) + 1 if after else 0
            while True:
                for event in self._events[seen:]:
                    if event.source == source and search(event.text):
                        return event
                    if event.source == source and event.text == ENDED:
                        raise TimeoutError(self._complaint(source, pattern, "it has ended"))
                seen = len(self._events)
                if not self._changed.wait_for(lambda: len(self._events) > seen, until_s - time.monotonic()):  # noqa: B023
                    raise TimeoutError(self._complaint(source, pattern, f"{timeout_s:g} s have passed"))

    def _complaint(self, source: str, pattern: str, reason: str) -> str:
        lines = [f"{event.at_s:8.1f} {event.text}" for event in self._events if event.source == source]
        return "\n".join([f"{source} did not say {pattern!r}, and {reason}. It said last:", *lines[-_SHOWN_LINES:]])
