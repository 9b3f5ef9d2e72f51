"""Who fell back to the controller returns to the swarm once that works, and loses nothing by trying."""

from collections.abc import Callable
from math import log2
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.node import ladder
from luna_core.node.fetch import fetch
from luna_core.node.fetcher import Fetcher, FetchError
from luna_core.node.http import Connection
from luna_core.node.http_fetcher import Fetcher as HttpFetcher
from luna_core.node.job import Endpoint, Job

WAIT_S = 60.0
GIVEN = 8
TRIAL_BYTES = 60_000


class Swarm(Fetcher):
    """Fails at first; in its further runs it does what a subclass says."""

    runs = 0
    trying = Event()
    left = 0
    closed = 0

    def run(self) -> None:
        type(self).runs += 1
        if self.runs == 1:
            raise FetchError("Nobody is there.")
        self.trying.set()
        self.again()

    def again(self) -> None:
        raise FetchError("Nobody is there again.")

    def leave(self) -> None:
        type(self).left += 1

    def close(self) -> None:
        type(self).closed += 1


class Working(Swarm):
    def again(self) -> None:
        source = HttpFetcher(self.endpoint, self.delivery)
        source.stopped = self.stopped
        source.run()


class Silent(Swarm):
    def again(self) -> None:
        self.stopped.wait(WAIT_S)


class Plain(HttpFetcher):
    """Brings some shards, and the others when it may."""

    allowed = Event()

    def run(self) -> None:
        connection = Connection(self.endpoint.url)
        for shard in self.delivery.missing()[:GIVEN]:
            body = connection.get(shard.name)
            self.delivery.progress.add(server=len(body))
            self.delivery.deliver(shard, body).result()
        connection.close()
        while not self.stopped.wait(0.02):
            if self.allowed.is_set():
                super().run()
                break


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch,
    add_fetcher: Callable[[str, type[Fetcher]], None],
    make_job: Callable[..., Job],
    serve: Callable[[], Any],
    server: Any,
) -> Callable[..., tuple[Job, list[str]]]:
    """Call it with a swarm, and what lets the controller give the rest, to fetch; returns the job and what was said."""

    def begin(swarm: type[Swarm], allowed: Event) -> tuple[Job, list[str]]:
        for name in ("runs", "left", "closed"):
            monkeypatch.setattr(swarm, name, 0)
        monkeypatch.setattr(Plain, "allowed", allowed)
        monkeypatch.setattr(ladder, "TRIAL_BYTES", TRIAL_BYTES)
        add_fetcher("plain", Plain)
        add_fetcher("swarm", swarm)
        job = make_job(
            Endpoint(transport="swarm", url=serve().url),
            Endpoint(transport="plain", url=server.url),
        )
        said: list[str] = []
        fetch(job, said.append)
        return job, said

    return begin


def test_a_swarm_that_works_again_brings_the_rest(start: Callable[..., Any], server: Any, tree: Path) -> None:
    job, said = start(Working, allowed=Event())
    assert not differences(tree, job.root)
    assert [line for line in said if line.startswith("going on")] == ["going on by swarm"]
    assert len(server.shards_asked()) == GIVEN
    assert (Working.runs, Working.left, Working.closed) == (2, 1, 1)


@pytest.mark.parametrize("swarm", [Swarm, Silent])
def test_a_swarm_that_does_not_work_again_holds_up_nothing(
    start: Callable[..., Any], version: Packed, tree: Path, swarm: type[Swarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarm, "trying", Event())
    job, said = start(swarm, allowed=swarm.trying)
    assert not differences(tree, job.root)
    assert not [line for line in said if line.startswith("going on")]
    # Each trial is put off for twice as many bytes.
    assert 2 <= swarm.runs <= 2 + log2(version.manifest.size_bytes / TRIAL_BYTES)
    assert (swarm.left, swarm.closed) == (0, swarm.runs)


def test_what_both_bring_at_once_is_unpacked_once(
    start: Callable[..., Any], server: Any, version: Packed, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Working, "trying", Event())
    job, _ = start(Working, allowed=Working.trying)
    assert not differences(tree, job.root)
    last = server.reports[-1]
    assert last["unpacked_bytes"] == version.manifest.unpacked_bytes
    assert last["percent"] == 100.0
