"""Shards that outlive a boot or a version: what the wanted version has in common with another is not fetched again."""

import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from luna_core.node.fetcher import Say
from luna_core.node.job import Job
from luna_core.node.manifest import Shard

DIRECTORY: Final = "luna"
"""Where the shards are in the cache's file system, which may be there for other things too."""

_IDENTITY: Final = re.compile(r"[0-9a-f]{64}")
_SPARE_BYTES: Final = 16 << 20


def prepare(job: Job, shards: Sequence[Shard], say: Say) -> Job:
    """Choose the work directory, and take over what other versions left there, which are then deleted.

    The shards are hashed later, as everything in the work directory. Returns the job with the shard cache as its work
    directory if there is one that can be used; `say` is told why not.
    """
    if job.cache and (reason := _unusable(job.cache)):
        say(f"there is no shard cache: {reason}")
    elif job.cache:
        cached = replace(job, work_directory=job.cache / DIRECTORY)
        _take_over(cached, shards, say)
        if not (reason := _unfit(cached, shards)):
            return cached
        say(f"the shard cache is not used: {reason}")
    _take_over(job, shards, say)
    return job


def _unusable(cache: Path) -> str:
    """Why the file system mounted at `cache` can't be used, if so: what others can write isn't trusted."""
    place = cache / DIRECTORY
    if not cache.is_mount():
        return f"nothing is mounted at {cache}."
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        status = place.lstat()
    except OSError as error:
        return f"{error}."
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return f"{place} is not a directory that only root can write to."
    return "" if os.access(place, os.W_OK) else f"{place} can't be written to."


def _unfit(job: Job, shards: Sequence[Shard]) -> str:
    try:
        missing = sum(shard.size_bytes for shard in shards if not (job.directory / shard.name).exists())
        needed, free = missing + _SPARE_BYTES, shutil.disk_usage(job.work_directory).free
    except OSError as error:  # of a file system that is damaged
        return f"{error}."
    return f"it needs {needed >> 20} MiB more, and {free >> 20} MiB are free." if free < needed else ""


def _take_over(job: Job, shards: Sequence[Shard], say: Say) -> None:
    try:
        taken = 0
        for other in _others(job.work_directory, job.manifest_sha256):
            taken += sum(_take(other / shard.name, job.directory / shard.name, shard) for shard in shards)
            shutil.rmtree(other) if other.is_dir() and not other.is_symlink() else other.unlink()
        if taken:
            say(f"{taken} of {len(shards)} shards are here from another version")
    except OSError as error:
        say(f"what other versions left can't be used: {error}")


def _others(work: Path, identity: str) -> Iterator[Path]:
    """Whatever is named after a version other than this one: its shards, its torrent."""
    if work.is_dir():
        named = [path for path in work.iterdir() if _IDENTITY.match(path.name)]
        yield from (path for path in named if not path.name.startswith(identity))


def _take(old: Path, place: Path, shard: Shard) -> bool:
    if place.exists() or not old.is_file() or old.stat().st_size != shard.size_bytes:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    old.rename(place)
    return True
