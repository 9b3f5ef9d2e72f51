"""The MongoDB server: reaching it, what it must have, and what its errors mean to an administrator."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from luna_core.errors import BadInput, StoreError
from luna_core.store.documents import redacted

Client = MongoClient[dict[str, Any]]
Documents = Database[dict[str, Any]]
APPLICATION = "luna"
DURABLE = WriteConcern("majority", j=True)
COLLECTIONS = ("record", "key", "writer")
SELECTION_TIMEOUT_MS = 5_000
SOCKET_TIMEOUT_MS = 60_000
UNAUTHORIZED = 13  # this and the next are of MongoDB's error_codes.yml
AUTHENTICATION_FAILED = 18
TOO_LARGE = 388

STANDALONE = (
    "The MongoDB at {host} is a standalone, which has no transactions. Make it a replica set, for which one member "
    "is enough: start mongod with --replSet luna (replication.replSetName in mongod.conf), then run "
    "rs.initiate() once in mongosh."
)


def connect(url: str) -> Client:
    """A client for `url`, whose options are honoured. It connects later. Raises BadInput for a URL it can't be."""
    options: dict[str, Any] = {}
    for name, value in (
        ("serverSelectionTimeoutMS", SELECTION_TIMEOUT_MS),
        ("connectTimeoutMS", SELECTION_TIMEOUT_MS),
        ("socketTimeoutMS", SOCKET_TIMEOUT_MS),
    ):
        if f"{name}=".lower() not in url.lower():
            options[name] = value
    try:
        # pymongo only warns of an option that it will ignore, such as tls=perhaps.
        with warnings.catch_warnings(action="error", category=UserWarning):
            return MongoClient(url, appname=APPLICATION, w="majority", journal=True, **options)
    except (InvalidURI, ValueError, TypeError):
        # Neither the text nor the cause may be shown: both can hold pieces of a password that isn't escaped.
        raise BadInput(
            f"LUNA_STORE is {redacted(url)!r}, which MongoDB's driver can't read; accepted is "
            "mongodb://user:password@host:port,host:port/database?options, with %40 for @ in a password, and so on."
        ) from None
    except (ConfigurationError, OSError, UserWarning) as error:
        raise BadInput(f"LUNA_STORE is {redacted(url)!r}, which can't be used: {error}") from error


def prepare(client: Client, database: Documents) -> None:
    """Make the collections where they are missing. Raises StoreError for a server that has no transactions."""
    hello = client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StoreError(STANDALONE.format(host=":".join(map(str, client.address or ()))))
    for name in COLLECTIONS:
        # This index is there anyhow: to ask for it makes the collection, whoever else does so at the same time.
        database[name].create_index("_id")


def abort_abandoned(client: Client) -> None:
    """Abort the transactions of luna whose process died; MongoDB itself would let them block writers for a minute.

    A transaction is abandoned when the connection of its last command no longer exists.
    """
    pipeline = [{"$currentOp": {"idleSessions": True, "idleConnections": True}}]
    sessions, connections = [], set()
    with client.admin.aggregate(pipeline) as operations:
        for operation in operations:
            if operation.get("type") != "idleSession":
                connections.add(operation.get("connectionId"))
            elif "transaction" in operation and operation.get("appName") == APPLICATION:
                sessions.append(operation)
    abandoned = [one["lsid"]["id"] for one in sessions if one["connectionId"] not in connections]
    if abandoned:
        client.admin.command("killSessions", [{"id": id_} for id_ in abandoned])


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn pymongo's errors into StoreErrors that say what to do; `url` is without its password."""
    try:
        yield
    except PyMongoError as error:
        raise StoreError(_sentence(url, error)) from error


def _sentence(url: str, error: PyMongoError) -> str:
    said, code = _said(error)
    if isinstance(error, ServerSelectionTimeoutError):
        what, remedy = "can't be reached", "Is mongod running there, with a primary?"
    elif code == AUTHENTICATION_FAILED:
        what, remedy = "refuses the login", "Correct user, password or authSource in LUNA_STORE."
    elif code == TOO_LARGE:
        what, remedy = "can't make so large a change at once", "Give mongod more memory (--wiredTigerCacheSizeGB)."
    elif code == UNAUTHORIZED:
        what, remedy = "denies luna's user something", "Give it the role readWrite on luna's database."
    elif error.has_error_label("UnknownTransactionCommitResult"):
        what, remedy = "was lost during a commit", "Look whether the change was made before you repeat it."
    elif error.has_error_label("TransientTransactionError"):
        what, remedy = "has had no primary, or has been busy with other writers, for too long", "Try again."
    else:
        what, remedy = "failed", "See its log for more."
    return f"The store {url} {what} ({said}). {remedy}"


def _said(error: PyMongoError) -> tuple[str, int | None]:
    """The server's sentence, without its whole answer and the topology as Python prints them; and its code."""
    if isinstance(error, BulkWriteError) and error.details["writeErrors"]:
        first = error.details["writeErrors"][0]
        return first["errmsg"], first["code"]
    said = str(error).partition(", full error:")[0].partition(", Timeout:")[0].rstrip(".")
    said = re.sub(r" \(configured timeouts:[^)]*\)", "", said)
    return said, error.code if isinstance(error, OperationFailure) else None
