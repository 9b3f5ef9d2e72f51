import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from luna_core.errors import BadInput, LunaError, StoreError
from luna_core.interfaces import Transaction
from luna_core.settings import MachineSettings
from luna_core.store import open_store
from luna_core.store.mongodb import MongoStore
from luna_core.testing.mongod import PASSWORD, Mongod, ReplicaSet
from luna_core.testing.store import StoreContract
from luna_core.testing.store_base import apply, changed, fetch, named, new
from luna_core.testing.store_processes import running

BRIEFLY = "&serverSelectionTimeoutMS=1000"


class TestMongoStore(StoreContract):
    @pytest.fixture
    def store_url(self, mongo_url: str) -> str:
        return mongo_url


def opened(url: str) -> MongoStore:
    store = open_store(MachineSettings(store=url))
    assert isinstance(store, MongoStore)
    return store


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ReplicaSet]:
    """One that wants a login and TLS."""
    with ReplicaSet(tmp_path, auth=True, tls=True) as running:
        yield running


@pytest.fixture
def three(tmp_path: Path) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path, members=3, election_timeout_ms=3_000) as running:
        yield running


def test_login_and_tls(guarded: ReplicaSet) -> None:
    store = opened(guarded.url())
    apply(store, new("a"))
    assert [record.id for record in fetch(store)] == ["a"]


def test_a_dead_writer_is_no_hindrance_where_rights_are_few(guarded: ReplicaSet) -> None:
    """To abort what it left takes no more than the right to read and write."""
    with running(guarded.url(), "hold") as dead:
        assert dead.stdout
        assert dead.stdout.readline() == "held\n"
    apply(opened(guarded.url()), new("next", {}, named("held")))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda url: url.replace("s3cret", "wr0ng"), "refuses the login"),
        (
            lambda url: url.partition("@")[0].partition("luna:")[0] + url.partition("@")[2],
            "denies luna's user something",
        ),
        # That it is of no use to try on is found by waiting alone.
        (lambda url: url.replace("&tls=true", "").partition("&tlsCAFile")[0] + BRIEFLY, "can't be reached"),
        (lambda url: url.partition("&tlsCAFile")[0] + BRIEFLY, "can't be reached.*certificate"),
    ],
    ids=["a wrong password", "no user", "no TLS", "an authority that isn't known"],
)
def test_login_and_tls_can_fail(guarded: ReplicaSet, spoil: Callable[[str], str], message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        opened(spoil(guarded.url()))
    assert guarded.members[0].address in str(caught.value)


UNREACHABLE = "127.0.0.1:9"  # the discard port, where nobody listens


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (f"mongodb://luna:s3cret-pass@{UNREACHABLE}/luna?serverSelectionTimeoutMS=100", StoreError),
        ("mongodb://luna:s3cret-pass@localhost:port/luna", BadInput),
        ("mongodb://luna:s3cret-pass/x@localhost/luna", BadInput),
        ("mongodb://luna:s3cret-pass@x@localhost/luna", BadInput),
        ("mongodb://luna:s3cret-pass:x@localhost/luna", BadInput),
        ("mongodb://luna:s3cret-pass%@localhost/luna", BadInput),
        ("mongodb://luna:s3cret-pass@localhost/luna?tls=perhaps", BadInput),
        ("mongodb://luna:s3cret-pass@localhost/luna?tls=true&tlsCAFile=/none", BadInput),
        ("mongodb://luna:s3cret-pass@/luna", BadInput),
        ("mongodb+srv://luna:s3cret-pass@localhost/luna", BadInput),
        ("mongo://luna:s3cret-pass@localhost/luna", LunaError),
        ("luna:s3cret-pass@localhost/luna", BadInput),
    ],
)
def test_no_error_shows_the_password(url: str, error: type[LunaError], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error) as caught:
        open_store(MachineSettings(store=url))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "s3cret" not in shown


def test_an_open_store_does_not_show_the_password(guarded: ReplicaSet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(guarded.url())
    shown = f"{store!r} {vars(store)} {store.url} {caplog.text}"
    assert "s3cret" not in shown
    assert PASSWORD not in shown


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(StoreError, match=rf"can't be reached.*{UNREACHABLE}"):
        opened(f"mongodb://{UNREACHABLE}/luna?serverSelectionTimeoutMS=100")


def test_a_standalone_is_refused_with_the_remedy(tmp_path: Path) -> None:
    mongod = Mongod(tmp_path)
    mongod.start()
    try:
        with pytest.raises(StoreError, match=r"no transactions.*--replSet.*rs\.initiate\(\)"):
            opened(f"mongodb://{mongod.address}/luna")
    finally:
        mongod.kill()


def test_the_database_is_the_url_s_or_luna(replica_set: ReplicaSet) -> None:
    apply(opened(replica_set.url("")), new("a"))
    with MongoClient[dict[str, Any]](replica_set.url()) as client:
        assert client["luna"]["record"].count_documents({"_id.kind": "thing"}) == 1
        client.drop_database("luna")


def test_a_body_is_stored_as_text(mongo_url: str) -> None:
    """So that no field name or number is subject to MongoDB's rules."""
    apply(opened(mongo_url), new("a", {"$a.b": 2**70}))
    with MongoClient[dict[str, Any]](mongo_url) as client:
        (document,) = client.get_default_database()["record"].find({"_id.kind": "thing"})
    assert document == {
        "_id": {"kind": "thing", "id": "a"},
        "revision": 1,
        "keys": [],
        "body": '{"$a.b":1180591620717411303424}',
    }


def test_a_body_beyond_16_mb_is_refused(mongo_url: str) -> None:
    store = opened(mongo_url)
    with pytest.raises(BadInput, match=r"thing b.*16000000 bytes"):
        apply(store, new("a"), new("b", {"text": "x" * 17_000_000}))
    assert not fetch(store)


def test_commits_are_durable(mongo_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the URL says, a commit waits for a majority and its journals."""
    store = opened(f"{mongo_url}?w=1&journal=false")
    caplog.set_level(logging.DEBUG, "pymongo.command")
    apply(store, new("a"))
    (commit,) = [one for one in caplog.messages if "Command started" in one and "commitTransaction" in one]
    command = json.loads(json.loads(commit)["command"])
    assert command["writeConcern"] == {"w": "majority", "j": True}


def test_writers_survive_the_loss_of_the_primary(three: ReplicaSet) -> None:
    """None of what was acknowledged is lost, nothing is written twice, and reading goes on too."""
    # Shorter than an election, as the default is in a replica set with MongoDB's own timeouts.
    store = opened(f"{three.url()}?serverSelectionTimeoutMS=300")
    apply(store, new("counter", {"count": 0}))
    for count in range(60):
        if count in (10, 30):
            three.primary().kill()
        if count == 25:
            for member in three.members:
                member.start()
        store.run(increment, write=True)
        assert fetch(store)[0].body == {"count": count + 1}
    assert fetch(store)[0].revision == 61


def increment(transaction: Transaction) -> None:
    (record,) = transaction.fetch("thing", ["counter"])
    body = {"count": record.body["count"] + 1}
    transaction.apply([changed("counter", record.revision, body)])
