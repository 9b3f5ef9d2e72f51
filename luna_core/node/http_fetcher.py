"""The fetcher of the transport http: every shard from the controller, over a few connections."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from luna_core.node import fetcher
from luna_core.node.errors import DamagedShard
from luna_core.node.http import Connection
from luna_core.node.manifest import Shard

_CONNECTIONS: Final = 4


class Fetcher(fetcher.Fetcher):
    """Each connection fetches a shard while those before are unpacked: it holds two at most, a few MB."""

    def run(self) -> None:
        """Fetch what is missing. Raises HttpError for what the server doesn't give, DamagedShard for other bytes."""
        shards = deque(self.delivery.missing())
        failed = Event()
        damaged: list[DamagedShard] = []
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="http") as pool:
            workers = [pool.submit(self._work, shards, failed, damaged) for _ in range(_CONNECTIONS)]
        for worker in workers:
            worker.result()
        if damaged:
            raise damaged[0]

    def close(self) -> None:
        """The connections are closed by those who use them."""

    def _work(self, shards: deque[Shard], failed: Event, damaged: list[DamagedShard]) -> None:
        connection = Connection(self.endpoint.parameters.get("base", self.endpoint.url))
        try:
            while shards and not failed.is_set() and not self.stopped.is_set():
                try:
                    shard = shards.popleft()
                except IndexError:  # another worker took the last one
                    return
                try:
                    if self.delivery.is_missing(shard):
                        self._fetch(connection, shard)
                except DamagedShard as error:
                    damaged.append(error)  # the others may be sound
        except BaseException:
            failed.set()
            raise
        finally:
            connection.close()

    def _fetch(self, connection: Connection, shard: Shard) -> None:
        body = connection.get(
            shard.name, size_bytes=shard.size_bytes, received=lambda size: self.delivery.progress.add(server=size)
        )
        try:
            self.delivery.deliver(shard, body).result()
        except DamagedShard:
            # Another fetcher may have offered its bytes of the shard a moment before these.
            self.delivery.deliver(shard, body).result()
        self._keep(self.delivery.place(shard), body)

    def _keep(self, place: Path, body: bytes) -> None:
        """Keep a sound shard for a restart, as long as the disk takes it: it is unpacked anyway."""
        partial = place.with_name(f"{place.name}.partial")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(body)
            partial.rename(place)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
