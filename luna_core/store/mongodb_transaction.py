"""One transaction in MongoDB.

| collection | document                                                          |
|------------|-------------------------------------------------------------------|
| record     | {_id: {kind, id}, revision, body, keys: [{space, value}, ...]}    |
| key        | {_id: {space, value}, kind, id}                                   |
| writer     | {_id: "turn", count}, which every writer changes first            |

MongoDB compares documents field by field in their order, so that the index of `_id` serves ranges too and no other is
needed. A body is stored as JSON text: BSON has no integers beyond 64 bits, and MongoDB gives dots and dollars in field
names a meaning.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from bson import MaxKey, MinKey
from pymongo import DeleteOne, InsertOne, UpdateOne
from pymongo.client_session import ClientSession

from luna_core.errors import BadInput
from luna_core.interfaces import Transaction
from luna_core.store.documents import batches, check_writes, conflict, encode, held_by, held_keys, records
from luna_core.store.mongodb_server import Documents
from luna_core.store.runs import Life
from luna_core.types import Key, Owner, Record, Write

Document = dict[str, Any]
Change = InsertOne[Document] | UpdateOne | DeleteOne
Place = tuple[str, str]
BATCH = 2_000  # keeps a command far below the 16 MB that MongoDB accepts for one
ABSENT: Document = {"revision": 0}
LARGEST_BYTES = 16_000_000  # the limit is 16 MiB for the document around a body


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
            where = {"_id": {"$gt": {"kind": kind, "id": MinKey()}, "$lt": {"kind": kind, "id": MaxKey()}}}
            return records(kind, [_row(one) for one in self._records.find(where, session=self._session).sort("_id")])
        found = {one["_id"]["id"]: _row(one) for one in self._at([(kind, id_) for id_ in ids])}
        return records(kind, [found[id_] for id_ in ids if id_ in found])

    def owners(
        self, space: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> Sequence[Owner]:
        """Who holds the keys from `low` to `high`, by a walk along the index."""
        self._life.check()
        if limit == 0:  # which MongoDB takes for no limit
            return []
        where = {"_id": {"$gte": {"space": space, "value": low}, "$lte": {"space": space, "value": high}}}
        found = self._keys.find(where, session=self._session).sort("_id", -1 if descending else 1).limit(limit or 0)
        return [_owner(document) for document in found]

    def apply(self, writes: Sequence[Write]) -> None:
        """Check the revisions, give up old keys, take new ones, then change the records."""
        self._life.check(write=True)
        check_writes(writes)
        with self._life.failing():
            self._write([(write, write.revision, _changed(write)) for write in writes])

    def dump(self) -> Iterator[Write]:
        """Everything, by a walk along the index."""
        self._life.check()
        for one in self._records.find(session=self._session).sort("_id"):
            self._life.check()
            kind = one["_id"]["kind"]
            (record,) = records(kind, [_row(one)])
            keys = tuple(_keys_of(one))
            yield Write(kind=kind, id=record.id, revision=record.revision, body=record.body, keys=keys)

    def load(self, writes: Iterable[Write]) -> None:
        """Insert records at the revisions they carry."""
        self._life.check(write=True)
        waiting = iter(writes)
        with self._life.failing():
            while batch := list(islice(waiting, BATCH)):
                self._write([(write, 0, _inserted(write, write.revision)) for write in batch])

    def _at(self, places: Sequence[Place]) -> Iterator[Document]:
        for batch in batches([{"kind": kind, "id": id_} for kind, id_ in places], BATCH):
            yield from self._records.find({"_id": {"$in": batch}}, session=self._session)

    def _write(self, steps: Sequence[tuple[Write, int, Change]]) -> None:
        """Make changes of records that are each stored at the revision given, and exchange their keys."""
        if not steps:
            return
        stored = {_place(one["_id"]): one for one in self._at([(write.kind, write.id) for write, _, _ in steps])}
        for write, revision, _ in steps:
            if stored.get((write.kind, write.id), ABSENT)["revision"] != revision:
                raise conflict(write)
        self._exchange_keys([write for write, _, _ in steps], stored.values())
        self._records.bulk_write([change for _, _, change in steps], session=self._session)

    def _exchange_keys(self, writes: Sequence[Write], stored: Iterable[Document]) -> None:
        """Delete the keys that are given up and insert those that are new: most writes change none."""
        held = {key: _place(one["_id"]) for one in stored for key in _keys_of(one)}
        wanted: dict[Key, Place] = {}
        for write in writes:
            for key in held_keys(write):
                if wanted.setdefault(key, (write.kind, write.id)) != (write.kind, write.id):
                    raise held_by(Owner(key=key, kind=wanted[key][0], id=wanted[key][1]))
        for batch in batches([asdict(key) for key in held if held[key] != wanted.get(key)], BATCH):
            self._keys.delete_many({"_id": {"$in": batch}}, session=self._session)
        for keys in batches([key for key in wanted if held.get(key) != wanted[key]], BATCH):
            taken = self._keys.find_one({"_id": {"$in": [asdict(key) for key in keys]}}, session=self._session)
            if taken:
                raise held_by(_owner(taken))
            fresh = [{"_id": asdict(key), "kind": wanted[key][0], "id": wanted[key][1]} for key in keys]
            self._keys.insert_many(fresh, session=self._session)


def _place(identity: Mapping[str, str]) -> Place:
    return identity["kind"], identity["id"]


def _row(document: Document) -> tuple[str, int, str]:
    return document["_id"]["id"], document["revision"], document["body"]


def _keys_of(document: Document) -> Iterator[Key]:
    return (Key(**key) for key in document["keys"])


def _owner(document: Document) -> Owner:
    return Owner(key=Key(**document["_id"]), kind=document["kind"], id=document["id"])


def _fields(write: Write) -> Document:
    text = encode(write.body or {})
    if len(text) > LARGEST_BYTES:
        raise BadInput(f"{write.kind} {write.id} takes {len(text)} bytes; MongoDB accepts up to {LARGEST_BYTES} bytes.")
    return {"body": text, "keys": [asdict(key) for key in held_keys(write)]}


def _inserted(write: Write, revision: int) -> Change:
    return InsertOne({"_id": {"kind": write.kind, "id": write.id}, "revision": revision, **_fields(write)})


def _changed(write: Write) -> Change:
    this = {"_id": {"kind": write.kind, "id": write.id}}
    if not write.revision:
        return _inserted(write, 1)
    if write.body is None:
        return DeleteOne(this)
    return UpdateOne(this, {"$set": _fields(write), "$inc": {"revision": 1}})
