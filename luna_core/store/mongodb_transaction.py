"""One transaction in MongoDB.

Collections: `record` {kind, id, revision, body} and `key` {space, value, kind, id}. A body is stored as JSON text: BSON
has no integers beyond 64 bits, and MongoDB gives dots and dollars in field names a meaning.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.client_session import ClientSession

from luna_core.errors import BadInput
from luna_core.interfaces import Transaction
from luna_core.store.documents import batches, check_writes, conflict, encode, held_by, held_keys, joined, records
from luna_core.store.mongodb_server import Documents
from luna_core.store.runs import Life
from luna_core.types import Key, Owner, Record, Write

BATCH = 2_000  # keeps a command far below MongoDB's 16 MB for one
LARGEST_BYTES = 16_000_000  # MongoDB's limit is 16 MiB for the document around it
Change = InsertOne[dict[str, Any]] | UpdateOne | DeleteOne


class MongoTransaction(Transaction):
    """A snapshot of the database, and this transaction's changes to it."""

    def __init__(self, database: Documents, session: ClientSession, life: Life) -> None:
        self._records = database.record
        self._keys = database.key
        self._session = session
        self._life = life

    def fetch(self, kind: str, ids: Sequence[str] | None = None) -> Sequence[Record]:
        """The records of a kind, by id; or those with `ids`, in that order."""
        self._life.check()
        if ids is None:
            return records(kind, self._rows({"kind": kind}))
        wanted = [{"kind": kind, "id": {"$in": list(batch)}} for batch in batches(ids, BATCH)]
        found = {row[0]: row for where in wanted for row in self._rows(where)}
        return records(kind, [found[id_] for id_ in ids if id_ in found])

    def owners(
        self, space: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> Sequence[Owner]:
        """Who holds the keys from `low` to `high`, by a walk along the unique index."""
        self._life.check()
        if limit == 0:  # which MongoDB takes for no limit
            return []
        where = {"space": space, "value": {"$gte": low, "$lte": high}}
        found = self._keys.find(where, session=self._session).sort("value", -1 if descending else 1).limit(limit or 0)
        return [_owner(document) for document in found]

    def apply(self, writes: Sequence[Write]) -> None:
        """Check the revisions, give up all old keys, change the records, then take the new keys."""
        self._life.check(write=True)
        check_writes(writes)
        with self._life.failing():
            self._check_revisions(writes, {(write.kind, write.id): write.revision for write in writes})
            for where in _these(writes):
                self._keys.delete_many(where, session=self._session)
            self._check_keys(writes)
            self._change(writes, [_change(write) for write in writes])

    def dump(self) -> Iterator[Write]:
        """Everything, batch by batch."""
        self._life.check()
        order = [("kind", 1), ("id", 1)]
        documents = self._records.find(session=self._session).sort(order)
        held = self._keys.find(session=self._session).sort(order)
        for write in joined(
            ((one["kind"], one["id"], one["revision"], one["body"]) for one in documents),
            ((one["kind"], one["id"], one["space"], one["value"]) for one in held),
        ):
            self._life.check()
            yield write

    def load(self, writes: Iterable[Write]) -> None:
        """Insert records at the revisions they carry."""
        self._life.check(write=True)
        waiting = iter(writes)
        with self._life.failing():
            while batch := list(islice(waiting, BATCH)):
                self._check_revisions(batch, {})
                self._check_keys(batch)
                self._change(batch, [InsertOne(_document(write, write.revision)) for write in batch])

    def _rows(self, where: Mapping[str, Any]) -> list[tuple[str, int, str]]:
        found = self._records.find(where, session=self._session).sort("id")
        return [(document["id"], document["revision"], document["body"]) for document in found]

    def _check_revisions(self, writes: Sequence[Write], expected: Mapping[tuple[str, str], int]) -> None:
        stored = {
            (document["kind"], document["id"]): document["revision"]
            for where in _these(writes)
            for document in self._records.find(where, {"body": 0}, session=self._session)
        }
        for write in writes:
            if stored.get((write.kind, write.id), 0) != expected.get((write.kind, write.id), 0):
                raise conflict(write)

    def _check_keys(self, writes: Sequence[Write]) -> None:
        """Raise AlreadyExists for a key that another record holds, or that two of these writes want."""
        wanted: dict[Key, Owner] = {}
        for write in writes:
            for key in held_keys(write):
                owner = Owner(key=key, kind=write.kind, id=write.id)
                if wanted.setdefault(key, owner) is not owner:
                    raise held_by(wanted[key])
        spaces: dict[str, list[str]] = {}
        for key in wanted:
            spaces.setdefault(key.space, []).append(key.value)
        for space, values in spaces.items():
            for batch in batches(values, BATCH):
                where = {"space": space, "value": {"$in": list(batch)}}
                for document in self._keys.find(where, session=self._session).limit(1):
                    raise held_by(_owner(document))

    def _change(self, writes: Sequence[Write], changes: Sequence[Change]) -> None:
        if changes:
            self._records.bulk_write(changes, session=self._session)
        keys = [
            {"space": key.space, "value": key.value, "kind": write.kind, "id": write.id}
            for write in writes
            for key in held_keys(write)
        ]
        if keys:
            self._keys.insert_many(keys, session=self._session)


def _these(writes: Sequence[Write]) -> Iterator[dict[str, Any]]:
    kinds: dict[str, list[str]] = {}
    for write in writes:
        kinds.setdefault(write.kind, []).append(write.id)
    for kind, ids in kinds.items():
        for batch in batches(ids, BATCH):
            yield {"kind": kind, "id": {"$in": list(batch)}}


def _owner(document: Mapping[str, Any]) -> Owner:
    key = Key(space=document["space"], value=document["value"])
    return Owner(key=key, kind=document["kind"], id=document["id"])


def _document(write: Write, revision: int) -> dict[str, Any]:
    return {"kind": write.kind, "id": write.id, "revision": revision, "body": _text(write)}


def _change(write: Write) -> Change:
    if not write.revision:
        return InsertOne(_document(write, 1))
    this = {"kind": write.kind, "id": write.id}
    if write.body is None:
        return DeleteOne(this)
    return UpdateOne(this, {"$set": {"body": _text(write)}, "$inc": {"revision": 1}})


def _text(write: Write) -> str:
    text = encode(write.body or {})
    if len(text) > LARGEST_BYTES:
        raise BadInput(f"{write.kind} {write.id} takes {len(text)} bytes; MongoDB accepts up to {LARGEST_BYTES} bytes.")
    return text
