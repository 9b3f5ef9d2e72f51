"""A place in the queue is how many came before and still wait, whoever leaves it."""

import random

from luna_core.boot.queue import Queue, Waiting


def one(number: int) -> Waiting:
    return Waiting(f"node{number}", f"version{number % 2}", f"ticket{number}", 0.0, float(number))


def test_places_tickets_and_versions_are_those_of_a_plain_list_whoever_comes_and_goes() -> None:
    chance, queue, plain = random.Random(1), Queue(), list[Waiting]()  # noqa: S311 - the same each time
    for _ in range(3000):
        number = chance.randrange(60)
        known = next((each for each in plain if each.node == f"node{number}"), None)
        if chance.random() < 0.5:
            queue.add(one(number))
            plain += [one(number)] if known is None else []
        elif known and chance.random() < 0.3:
            queue.change(queue.get(known.node) or known, "another")
            known.version = "another"
        else:
            assert queue.remove(f"node{number}") == known
            plain = [each for each in plain if each != known]
        assert len(queue) == len(plain)
        asked = one(chance.randrange(60))
        found = next((each for each in plain if each.node == asked.node), None)
        assert queue.get(asked.node) == queue.by_ticket(asked.ticket) == found
        assert queue.before(asked.node) == (plain.index(found) if found else len(plain))
        for version in ("version0", "version1", "another"):
            assert queue.wait_for(version) == sum(each.version == version for each in plain)
    queue.forget(lambda each: each.seen_s < 30)
    left = [each for each in plain if each.seen_s >= 30]
    assert [queue.before(each.node) for each in left] == list(range(len(left)))
    assert len(queue) == len(left)
