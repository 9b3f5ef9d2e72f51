"""Fetch an image version and unpack it as it comes: by the best endpoint that works, until everything is in place."""

import time
from concurrent.futures import wait
from typing import Final

from luna_core.node.errors import DamagedShard, DownloadError, UnpackError
from luna_core.node.fetcher import Delivery, Fetcher, Say
from luna_core.node.http import Connection, HttpError
from luna_core.node.job import Job
from luna_core.node.ladder import Ladder
from luna_core.node.manifest import MANIFEST_NAME, Manifest, Shard, parse_manifest
from luna_core.node.overlay import OverlayMaker
from luna_core.node.report import Progress, Reporter
from luna_core.node.shard_cache import prepare
from luna_core.node.taker import ShardTaker
from luna_core.node.unpack import Unpacker

# How long to wait before each round through the endpoints. After these forty seconds without any progress the phase has
# failed, which a person can see, and the next attempt goes on with what came.
PAUSES_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0)
# What the last of all endpoints has on disk gets no better by asking again.
_DAMAGED_ROUNDS: Final = 2


def fetch(job: Job, say: Say = lambda text: None) -> None:
    """Put the version in place below the job's root; `say` is told one line for each event.

    Raises DownloadError, or UnpackError or OSError, with the reason if it can't be done, however often it is tried.
    """
    manifest = _fetch_manifest(job, say)
    with _taker(job, manifest) as taker:
        total = sum(shard.size_bytes for shard in taker.shards)
        say(f"image {manifest.image}: {len(taker.shards)} shards, {total >> 20} MiB")
        job = prepare(job, taker.shards, say)
        unpacked_total = sum(shard.unpacked_bytes for shard in taker.shards)
        progress = Progress(total_bytes=total, unpacked_total_bytes=unpacked_total)
        reporter = Reporter(job, progress, say)
        delivery = Delivery(job, manifest, taker, progress, say, reporter.phase)
        try:
            _deliver_kept(delivery)
            _finish(_deliver_missing(delivery), delivery)
        finally:
            reporter.close()
    say(f"done: {progress.peer_bytes} bytes from peers, {progress.server_bytes} from the controller")


def _taker(job: Job, manifest: Manifest) -> ShardTaker:
    return OverlayMaker(job.layers, job.root, manifest) if job.layers else Unpacker(job.root, manifest)


def _finish(fetcher: Fetcher, delivery: Delivery) -> None:
    try:
        if delivery.manifest.private:
            _place_private(delivery, delivery.manifest.private)
        for lost in delivery.taker.finish():
            delivery.say(f"not kept by this file system: {lost}")
    except BaseException:
        fetcher.close()
        raise
    fetcher.leave()


def _place_private(delivery: Delivery, private: Shard) -> None:
    """The files that the boot server gives to nobody but this node, in its session; nothing of them is kept."""
    base, _, path = delivery.job.private_url.rpartition("/")
    session = {"Authorization": f"Bearer {delivery.job.token}"}
    reason = ""
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        connection = Connection(f"{base}/")
        try:
            delivery.taker.offer_private(connection.get(path, size_bytes=private.size_bytes, headers=session))
        except (HttpError, DamagedShard) as error:
            reason = str(error)
            delivery.say(f"no private files: {reason}")
        else:
            return
        finally:
            connection.close()
    raise UnpackError(f"The private files can't be fetched: {reason}")


def _fetch_manifest(job: Job, say: Say) -> Manifest:
    reason = "there are no endpoints"
    for pause_s in PAUSES_S:
        time.sleep(pause_s)
        for base in dict.fromkeys(one.parameters.get("base", one.url) for one in job.endpoints):
            connection = Connection(base)
            try:
                return parse_manifest(connection.get(MANIFEST_NAME), job.manifest_sha256)
            except (HttpError, UnpackError) as error:
                reason = str(error)
                say(f"no manifest: {reason}")
            finally:
                connection.close()
    raise DownloadError(f"The manifest can't be fetched: {reason}")


def _deliver_kept(delivery: Delivery) -> None:
    """What an earlier run left in the work directory, of which only sound shards count."""
    kept = {}
    for shard in delivery.taker.shards:
        place = delivery.place(shard)
        if place.is_file() and place.stat().st_size == shard.size_bytes:
            kept[delivery.deliver(shard, place)] = shard
    wait(kept)
    sound = [shard for future, shard in kept.items() if not future.exception()]
    delivery.progress.add(kept=sum(shard.size_bytes for shard in sound))
    if sound:
        delivery.say(f"{len(sound)} shards are here from an earlier start")


def _deliver_missing(delivery: Delivery) -> Fetcher:
    """Go through the endpoints until nothing is missing; returns the fetcher that did the rest, still open."""
    reason = "there are no endpoints"
    ladder = Ladder(delivery)
    endpoints = delivery.job.endpoints
    rounds = 0
    damaged = 0
    while rounds < len(PAUSES_S) and damaged < _DAMAGED_ROUNDS:
        time.sleep(PAUSES_S[rounds])
        before = len(delivery.missing())
        last_error: Exception | None = None
        position = 0
        while position < len(endpoints):
            try:
                return ladder.run(position)
            except Exception as error:
                if delivery.fatal:
                    raise delivery.fatal from None
                last_error = error
                reason = str(error) or repr(error)
                delivery.say(f"{endpoints[ladder.position].transport} failed: {reason}")
            # Not the next one if a better one took its place and then failed.
            position = ladder.position + 1
        # A round that brought something begins the count anew.
        rounds = 1 if len(delivery.missing()) < before else rounds + 1
        damaged = damaged + 1 if isinstance(last_error, DamagedShard) and rounds > 1 else 0
    raise DownloadError(f"{len(delivery.missing())} shards can't be fetched: {reason}")
