"""Many small changes at once: requests that arrive together are written in one transaction."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from luna_core.operations import Luna, Work

T = TypeVar("T")
MOST_TOGETHER = 200


class GroupCommit:
    """Runs operations that leave no history entry, each durable when its call returns.

    A disk takes a few milliseconds for each durable write; five hundred nodes that report at once would wait for
    seconds if each had a transaction of its own.
    """

    def __init__(self, luna: Luna) -> None:
        self._luna = luna
        self._waiting: queue.SimpleQueue[tuple[Callable[[Work], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="group-commit", daemon=True)
        self._thread.start()

    def run(self, operation: Callable[[Work], T]) -> T:
        """What `operation` returns, once its writes are durable; raises what it raises."""
        future: Future[T] = Future()
        self._waiting.put((operation, future))
        return future.result()

    def close(self) -> None:
        """Finish what is waiting."""
        self._waiting.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < MOST_TOGETHER and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._commit(batch)
                    return
                batch.append(following)
            self._commit(batch)

    def _commit(self, batch: list[tuple[Callable[[Work], Any], Future[Any]]]) -> None:
        try:
            results = self._luna.note(lambda work: [operation(work) for operation, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One of them is bad: the others must not fail with it.
            for one in batch:
                self._commit([one])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
