"""The queue of nodes that wait for their turn: thousands, each of which asks every few seconds who is before it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Waiting:
    """A node that waits for a version's boot files since, and was last heard of at, seconds of one clock."""

    node: str
    version: str
    ticket: str
    since_s: float
    seen_s: float


class Queue:
    """In the order of their coming; nobody is looked for by looking at everybody. Not thread safe."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._numbers: dict[str, int] = {}
        self._nodes: dict[str, str] = {}
        # Ascending, so that a place in the queue is one in this list.
        self._order: list[int] = []
        self._next = 0
        self._versions: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def get(self, node: str) -> Waiting | None:
        """The node if it waits."""
        return self._waiting.get(node)

    def by_ticket(self, ticket: str) -> Waiting | None:
        """The node that has the ticket, if it waits."""
        return self._waiting.get(self._nodes.get(ticket, ""))

    def before(self, node: str) -> int:
        """How many came before the node; if it doesn't wait, all."""
        return bisect_left(self._order, self._numbers.get(node, self._next))

    def add(self, one: Waiting) -> None:
        """Put a node at the end; one that waits already keeps its place."""
        if one.node in self._waiting:
            return
        self._waiting[one.node], self._nodes[one.ticket] = one, one.node
        self._versions[one.version] += 1
        self._numbers[one.node] = self._next
        self._order.append(self._next)
        self._next += 1

    def remove(self, node: str) -> Waiting | None:
        """Take a node out; the one that it was, if it was there."""
        one = self._waiting.pop(node, None)
        if one:
            del self._nodes[one.ticket]
            self._versions[one.version] -= 1
            del self._order[bisect_left(self._order, self._numbers.pop(node))]
        return one

    def forget(self, gone: Callable[[Waiting], bool]) -> None:
        """Take out those of whom that is true."""
        for one in [one for one in self._waiting.values() if gone(one)]:
            self.remove(one.node)

    def change(self, one: Waiting, version: str) -> None:
        """A node that waits is to boot another version."""
        self._versions[one.version] -= 1
        self._versions[version] += 1
        one.version = version

    def wait_for(self, version: str) -> int:
        """How many wait for the version."""
        return self._versions[version]
