"""Moves a cluster from one store to another, of any kinds."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from luna_core.errors import BadInput, StoreError
from luna_core.interfaces import Store, Transaction
from luna_core.store.migrations import KIND
from luna_core.types import Write


def copy_store(source: Store, target: Store, *, overwrite: bool = False) -> int:
    """Copy everything, with its history and revisions, and compare; returns the number of records.

    All of it arrives or nothing does. Raises BadInput if `target` holds anything, unless `overwrite` says that it may
    go; StoreError if what was written differs from what was read. Both stores must come from `open_store`.
    """
    if source.url == target.url:
        raise BadInput(f"The store {source.url} can't be copied to itself.")
    return source.run(
        lambda read: target.run(lambda write: _copy(read, write, target.url, overwrite=overwrite), write=True),
        write=False,
    )


def _copy(read: Transaction, write: Transaction, url: str, *, overwrite: bool) -> int:
    present = [replace(one, body=None, keys=()) for one in _contents(write)]
    if present and not overwrite:
        raise BadInput(f"The store {url} is not empty: it holds {len(present)} records. Choose an empty one.")
    write.apply(present)
    write.load(_contents(read))
    count, digest = _summary(read)
    if _summary(write) != (count, digest):
        raise StoreError(f"The store {url} is unchanged, because the copy in it differed from what was copied.")
    return count


def _contents(transaction: Transaction) -> Iterator[Write]:
    """All but the version of the store, which the target has as well."""
    return (write for write in transaction.dump() if write.kind != KIND)


def _summary(transaction: Transaction) -> tuple[int, str]:
    """How many records there are, and a SHA-256 of everything in them."""
    count, digest = 0, hashlib.sha256()
    for write in _contents(transaction):
        keys = sorted((key.space, key.value) for key in write.keys)
        row = [write.kind, write.id, write.revision, write.body, keys]
        digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
        count += 1
    return count, digest.hexdigest()
