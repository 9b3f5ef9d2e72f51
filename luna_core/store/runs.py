"""What is the same for every run of every store: when it may begin, and how it ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Runs:
    """Refuses a run inside another of the same thread, and one on a closed store."""

    def __init__(self) -> None:
        self._thread = threading.local()
        self.closed = False

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold this for the time of a run. Raises RuntimeError where there may be none."""
        if self.closed:
            raise RuntimeError("Store.run was called on a store that is closed")
        if getattr(self._thread, "busy", False):
            # It would wait for itself, or see a different state than the transaction around it.
            raise RuntimeError("Store.run was called inside the function of another Store.run; pass the transaction on")
        self._thread.busy = True
        try:
            yield
        finally:
            self._thread.busy = False


class Life:
    """The state of one transaction: it can be over, be for reading only, or have failed for good."""

    def __init__(self, *, write: bool) -> None:
        self._write = write
        self._over = False
        self._failure: Exception | None = None

    def check(self, *, write: bool = False) -> None:
        """Raise RuntimeError for a use that is a mistake in the program, and a failed apply's error once more."""
        if self._over:
            raise RuntimeError("The transaction is used after the end of the function that it was given to")
        if write and not self._write:
            raise RuntimeError("A transaction of Store.run(..., write=False) can't change the store")
        if self._failure:
            raise self._failure

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Remember an error, so that a function which catches it can't commit half of its work."""
        try:
            yield
        except Exception as error:
            self._failure = error
            raise

    def end(self) -> None:
        """No further use."""
        self._over = True
