"""The embedded store: one SQLite file in WAL mode. `sqlite:///var/lib/luna/luna.db`."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from threading import Lock
from typing import Any, TypeVar

from luna_core.interfaces import Store, Transaction
from luna_core.store.documents import batches, check_writes, conflict, encode, held_by, held_keys, records
from luna_core.store.runs import Life, Runs
from luna_core.store.sqlite_file import connect, create, explained, path_of
from luna_core.types import Key, Owner, Record, Write

T = TypeVar("T")
# SQLite asks ten times a second whether it is free, and who came first counts for nothing: on a machine with a load of
# 100, half a minute was once too short beside a writer that wrote on and on.
LOCK_TIMEOUT_S = 120.0
# A reader that takes longer holds up nobody.
TURN_S = 1.0
BATCH = 500  # well below SQLite's limit of parameters in one statement


class SqliteStore(Store):
    """Documents in a SQLite file, for one machine. Any number of processes and threads may use it at once."""

    def __init__(self, url: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        """Open, and create if need be, the file; `lock_timeout_s` is how long a writer waits for another."""
        super().__init__(url)
        self._path = path_of(url)
        self._lock_timeout_s = lock_timeout_s
        self._runs = Runs()
        self._turn = Lock()
        self._idle: list[sqlite3.Connection] = []
        self._process = os.getpid()
        if not os.path.exists(self._path):  # Path.exists raises where it may not look
            create(self._path)
        with self._connection():
            pass

    def run(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        """Call `work` in a transaction; a writer holds the file's only write lock from beginning to end."""
        self._forget_parents()
        with self._runs.one(), self._own_turn(write), self._connection() as connection, explained(self._path):
            life = Life(write=write)
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN DEFERRED")
            try:
                result = work(SqliteTransaction(connection, life))
                life.check()
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has already rolled back after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                life.end()
            return result

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        self._runs.closed = True
        while self._idle:
            self._idle.pop().close()

    def _forget_parents(self) -> None:
        if self._process != os.getpid():
            # SQLite forbids any use of a connection after fork, closing included, so these are kept but forgotten.
            self._inherited = self._idle
            self._idle = []
            self._turn = Lock()
            self._process = os.getpid()

    @contextmanager
    def _own_turn(self, write: bool) -> Iterator[None]:
        """Let one thread read at a time.

        sqlite3 gives up the interpreter at each step and needs it back after it. Forty threads that did so at once took
        two to three times the processor time that they take one after the other, and 300 switches a request, not 40.
        """
        has_turn = not write and self._turn.acquire(timeout=TURN_S)
        try:
            yield
        finally:
            if has_turn:
                self._turn.release()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self._path, self._lock_timeout_s)
        try:
            yield connection
        finally:
            if self._runs.closed:
                connection.close()
            else:
                self._idle.append(connection)


class SqliteTransaction(Transaction):
    """One SQLite transaction."""

    def __init__(self, connection: sqlite3.Connection, life: Life) -> None:
        self._connection = connection
        self._life = life

    def fetch(self, kind: str, ids: Sequence[str] | None = None) -> Sequence[Record]:
        """The records of a kind, by id; or those with `ids`, in that order."""
        self._life.check()
        if ids is None:
            rows = self._connection.execute(
                "SELECT id, revision, body FROM record WHERE kind = ? ORDER BY id", (kind,)
            ).fetchall()
            return records(kind, rows)
        found = {row[0]: row for batch in batches(ids, BATCH) for row in self._rows(kind, batch)}
        return records(kind, [found[id_] for id_ in ids if id_ in found])

    def owners(
        self, space: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> Sequence[Owner]:
        """Who holds the keys from `low` to `high`, by a walk along the primary key's own index."""
        self._life.check()
        order = "DESC" if descending else "ASC"
        where = "space = ? AND value BETWEEN ? AND ?"
        query = f"SELECT value, kind, id FROM key WHERE {where} ORDER BY value {order} LIMIT ?"  # noqa: S608 - constants
        rows = self._connection.execute(query, (space, low, high, -1 if limit is None else limit))
        return [Owner(key=Key(space=space, value=value), kind=kind, id=id_) for value, kind, id_ in rows]

    def apply(self, writes: Sequence[Write]) -> None:
        """Give up the keys that a record no longer holds, then change the records, then take the new keys."""
        self._life.check(write=True)
        check_writes(writes)
        with self._life.failing():
            wanted = [(write, set(held_keys(write)), self._keys_of(write)) for write in writes]
            for _, new, old in wanted:
                given_up = [(key.space, key.value) for key in old - new]
                self._connection.executemany("DELETE FROM key WHERE space = ? AND value = ?", given_up)
            for write in writes:
                self._put(write)
            for write, new, old in wanted:
                self._take_keys(write, new - old)

    def dump(self) -> Iterator[Write]:
        """Everything, one record after the other."""
        self._life.check()
        execute = self._connection.execute
        for write in _joined(
            execute("SELECT kind, id, revision, body FROM record ORDER BY kind, id"),
            execute("SELECT kind, id, space, value FROM key ORDER BY kind, id"),
        ):
            self._life.check()
            yield write

    def load(self, writes: Iterable[Write]) -> None:
        """Insert records at the revisions they carry."""
        self._life.check(write=True)
        with self._life.failing():
            for write in writes:
                self._insert(write, write.revision)
                self._take_keys(write, held_keys(write))

    def _rows(self, kind: str, ids: Sequence[str]) -> list[tuple[str, int, str]]:
        marks = ",".join("?" * len(ids))
        query = f"SELECT id, revision, body FROM record WHERE kind = ? AND id IN ({marks})"  # noqa: S608 - only marks
        return self._connection.execute(query, (kind, *ids)).fetchall()

    def _put(self, write: Write) -> None:
        where = (write.kind, write.id, write.revision)
        if not write.revision:
            return self._insert(write, 1)
        if write.body is None:
            done = self._connection.execute("DELETE FROM record WHERE kind = ? AND id = ? AND revision = ?", where)
        else:
            done = self._connection.execute(
                "UPDATE record SET body = ?, revision = revision + 1 WHERE kind = ? AND id = ? AND revision = ?",
                (encode(write.body), *where),
            )
        if not done.rowcount:
            raise conflict(write)
        return None

    def _insert(self, write: Write, revision: int) -> None:
        done = self._connection.execute(
            "INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?)",
            (write.kind, write.id, revision, encode(write.body or {})),
        )
        if not done.rowcount:
            raise conflict(write)

    def _keys_of(self, write: Write) -> set[Key]:
        """The keys that the stored record holds, if there can be one."""
        query = "SELECT space, value FROM key WHERE kind = ? AND id = ?"
        rows = self._connection.execute(query, (write.kind, write.id)) if write.revision else ()
        return {Key(space=space, value=value) for space, value in rows}

    def _take_keys(self, write: Write, keys: Iterable[Key]) -> None:
        for key in sorted(keys, key=attrgetter("space", "value")):
            done = self._connection.execute(
                "INSERT OR IGNORE INTO key VALUES (?, ?, ?, ?)", (key.space, key.value, write.kind, write.id)
            )
            if not done.rowcount:
                (owner,) = self.owners(key.space, key.value, key.value)
                raise held_by(owner)


def _joined(documents: Iterable[tuple[Any, ...]], keys: Iterable[tuple[Any, ...]]) -> Iterator[Write]:
    """Writes from rows (kind, id, revision, body) and (kind, id, space, value), both sorted."""
    this = itemgetter(0, 1)
    for (kind, id_), rows in groupby(merge(documents, keys, key=this), this):
        (*_, revision, text), *held = rows
        (record,) = records(kind, [(id_, revision, text)])
        held_by_it = tuple(Key(space=space, value=value) for *_, space, value in sorted(held))
        yield Write(kind=kind, id=id_, revision=revision, body=record.body, keys=held_by_it)
