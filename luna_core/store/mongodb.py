"""The store for several controllers: a MongoDB replica set. `mongodb://user:password@host1,host2,host3/luna`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TypeVar

from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from luna_core.errors import StoreError
from luna_core.interfaces import Store, Transaction
from luna_core.store.documents import redacted
from luna_core.store.mongodb_server import DURABLE, abort_abandoned, connect, explained, prepare
from luna_core.store.mongodb_transaction import MongoTransaction
from luna_core.store.patience import Patience
from luna_core.store.runs import Life, Runs

T = TypeVar("T")
PATIENCE_S = 30.0  # longer than a replica set takes to elect a new primary (10 to 12 s)


class MongoStore(Store):
    """Documents in a MongoDB database. Writers take turns, so that each sees what the others have done."""

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        """Connect and make what is missing; `patience_s` is how long a run waits for other writers or a primary."""
        super().__init__(redacted(url))
        self._patience_s = patience_s
        self._runs = Runs()
        self._turn = Lock()
        self._client = connect(url)
        self._database = self._client.get_default_database("luna")
        try:
            with explained(self.url):
                prepare(self._client, self._database)
        except BaseException:
            self._client.close()
            raise

    def run(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        """Call `work` in a transaction, again and again if another writer or a failover gets in its way."""
        patience = Patience(self._patience_s)
        with self._runs.one(), explained(self.url), self._own_turn(write):
            while True:
                try:
                    return self._attempt(work, patience, write=write)
                except PyMongoError as error:
                    if not error.has_error_label("TransientTransactionError") or patience.is_over():
                        raise
                if patience.is_worn():
                    # Without a primary this fails too, and the next attempt is what counts.
                    with suppress(PyMongoError):
                        abort_abandoned(self._client)
                patience.pause()

    def close(self) -> None:
        """Close all connections; harmless when they are closed."""
        self._runs.closed = True
        self._client.close()

    def _attempt(self, work: Callable[[Transaction], T], patience: Patience, *, write: bool) -> T:
        # Leaving the session aborts a transaction that wasn't committed.
        with self._client.start_session() as session:
            session.start_transaction(ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
            life = Life(write=write)
            try:
                if write:
                    # Two transactions that read what the other writes would both commit, unless they meet somewhere.
                    self._database.writer.update_one({"_id": "turn"}, {"$inc": {"count": 1}}, True, session=session)
                result = work(MongoTransaction(self._database, session, life))
                life.check()
            finally:
                life.end()
            _commit(session, patience)
            return result

    @contextmanager
    def _own_turn(self, write: bool) -> Iterator[None]:
        """Let this process's own threads queue here, rather than conflict in the database."""
        if not write:
            yield
            return
        if not self._turn.acquire(timeout=self._patience_s):
            raise StoreError(f"The store {self.url} has been busy for {self._patience_s:g} s. Try again.")
        try:
            yield
        finally:
            self._turn.release()


def _commit(session: ClientSession, patience: Patience) -> None:
    """Commit; a commit whose answer was lost in a failover may be repeated without harm."""
    while True:
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or patience.is_over():
                raise
            patience.pause()
        else:
            return
