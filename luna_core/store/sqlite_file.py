"""The file of a SQLite store: where it is, how it comes to be, and what its errors mean to an administrator."""

import contextlib
import os
import pwd
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from luna_core.errors import BadInput, StoreError

SCHEME = "sqlite://"
APPLICATION_ID = int.from_bytes(b"luna")
LAYOUT = f"""
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA journal_mode = WAL;
    CREATE TABLE record (kind TEXT, id TEXT, revision INTEGER, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    CREATE TABLE key (space TEXT, value TEXT, kind TEXT, id TEXT, PRIMARY KEY (space, value)) WITHOUT ROWID;
    CREATE INDEX key_of_record ON key (kind, id);
"""


def path_of(url: str) -> Path:
    """The path in a `sqlite:///path` URL, taken as written: nothing in it is decoded. Raises BadInput."""
    path = Path(url.removeprefix(SCHEME))
    if not url.startswith(SCHEME) or not path.is_absolute():
        raise BadInput(f"LUNA_STORE is {url!r}; accepted is sqlite:// and an absolute path: sqlite:///path/to/luna.db.")
    return path


def create(path: Path) -> None:
    """Make an empty store at `path`, if nothing is there: complete or not at all, however many do so at once."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(
            f"The store {path} can't be made, because {path.parent} is no directory: "
            f"'mkdir -p {path.parent}', or set LUNA_STORE to another place."
        ) from error
    except OSError as error:
        raise StoreError(_no_access(path, str(error.strerror))) from error
    try:
        with explained(path):
            _fill(handle, temporary)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.close(handle)
        os.unlink(temporary)


def _fill(handle: int, temporary: str) -> None:
    os.fchmod(handle, 0o640)
    if os.geteuid() == 0:
        # What root makes, the service user must be able to use; it owns the directory.
        directory = os.stat(os.path.dirname(temporary))
        os.fchown(handle, directory.st_uid, directory.st_gid)
    connection = sqlite3.connect(temporary, isolation_level=None)
    try:
        connection.executescript(LAYOUT)
    finally:
        connection.close()


def connect(path: Path, timeout_s: float) -> sqlite3.Connection:
    """A connection to the store at `path`, which exists; raises StoreError if it isn't one of luna's."""
    with explained(path):
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            if application != APPLICATION_ID:
                raise StoreError(
                    f"{path} is not a store of luna; set LUNA_STORE to another file, or move this one away."
                )
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors (https://www.sqlite.org/rescode.html) into StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        raise StoreError(_sentence(path, code, str(error))) from error


def _sentence(path: Path, extended_code: int, said: str) -> str:
    # The low byte is the primary result code, the rest of it says more.
    code = extended_code & 0xFF
    if code == sqlite3.SQLITE_BUSY:
        return f"The store {path} is locked: another process has been changing it for too long. Try again, or find it."
    # The second: who reads first needs room for an index of what is written.
    if code == sqlite3.SQLITE_FULL or extended_code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return f"The store {path} is unchanged, because the disk is full: make room and try again."
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"The store {path} is damaged or no store of luna ({said}): restore a backup, or set LUNA_STORE."
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _no_access(path, said)
    return f"The store {path} failed: {said}."


def _no_access(path: Path, said: str) -> str:
    return (
        f"User {_user()} can't read and write {path} and the directory it is in ({said}): "
        "run as root or luna's own user, make both writable, or set LUNA_STORE to another file."
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user has no name
        return str(os.geteuid())
