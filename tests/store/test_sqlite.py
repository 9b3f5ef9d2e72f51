import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from luna_core.errors import BadInput, StoreError
from luna_core.interfaces import Transaction
from luna_core.run import run
from luna_core.settings import MachineSettings
from luna_core.store import open_store, sqlite_file
from luna_core.store.sqlite import SqliteStore
from luna_core.testing.store import StoreContract
from luna_core.testing.store_base import apply, contents, fetch, new

# No file of this process may grow beyond 200 kB, so that writing fails in the middle of a transaction.
FILES_CAN_NOT_GROW = """
import resource, signal, sys
from luna_core.errors import StoreError
from luna_core.settings import MachineSettings
from luna_core.store import open_store, sqlite_file
from luna_core.testing.store_base import apply, contents, new

store = open_store(MachineSettings(store=sys.argv[1]))
apply(store, new("before"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, -1))
try:
    apply(store, *(new(str(number), {"text": "x" * 10_000}) for number in range(500)))
except StoreError as error:
    print(error)
print([write.id for write in contents(store)])
apply(store, new("after"))
"""


def opened(path: Path | str) -> SqliteStore:
    store = open_store(MachineSettings(store=f"sqlite://{path}"))
    assert isinstance(store, SqliteStore)
    return store


@contextmanager
def as_nobody() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "luna.db"


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store_url(self, path: Path) -> str:
        return f"sqlite://{path}"


@pytest.mark.parametrize("url", ["sqlite://luna.db", "sqlite:", "sqlite://", "sqlite:luna.db", "luna.db", "", "://"])
def test_a_url_without_an_absolute_path_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match=r"sqlite:///path/to/luna\.db") as caught:
        open_store(MachineSettings(store=url))
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("name", ["a b%20ä?x#y@z.db", "'; DROP TABLE record;", "[a]*"])
def test_any_path_is_taken_as_written(tmp_path: Path, name: str) -> None:
    apply(opened(tmp_path / name), new("a"))
    assert (tmp_path / name).is_file()
    assert fetch(opened(tmp_path / name))


def test_the_file_is_for_owner_and_group_only(path: Path) -> None:
    apply(opened(path), new("a"))
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes == {"luna.db": 0o640, "luna.db-wal": 0o640, "luna.db-shm": 0o640}


def test_the_service_user_can_use_what_root_made(tmp_path: Path) -> None:
    """The file belongs to whom its directory belongs; as another user than root, that is ourselves either way."""
    directory = tmp_path / "state"
    directory.mkdir()
    if os.geteuid() == 0:
        os.chown(directory, 4711, 4712)
    apply(opened(directory / "luna.db"), new("a"))
    owners = {(one.stat().st_uid, one.stat().st_gid) for one in directory.iterdir()}
    assert owners == {(directory.stat().st_uid, directory.stat().st_gid)}


def test_a_missing_directory_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"mkdir -p {tmp_path}/none.*LUNA_STORE"):
        opened(tmp_path / "none" / "luna.db")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Unlike `tmp_path`, one that other users can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["unreadable", "read-only"])
def test_a_store_without_permission_says_who_may(public_directory: Path, mode: int) -> None:
    """Root may do anything, so in its tests the user nobody tries."""
    path = public_directory / "luna.db"
    opened(path).close()
    path.chmod(mode)
    public_directory.chmod(0o555)
    with as_nobody(), pytest.raises(StoreError, match=rf"User \S+ can't read and write {path} .*LUNA_STORE"):
        opened(path)


def test_a_directory_without_permission_says_who_may(public_directory: Path) -> None:
    public_directory.chmod(0o555)
    with as_nobody(), pytest.raises(StoreError, match=rf"User \S+ can't read and write {public_directory}/luna\.db"):
        opened(public_directory / "luna.db")


@pytest.mark.parametrize(
    "content", [b"", b"# a text of some length that is no database at all\n" * 100], ids=["empty", "text"]
)
def test_a_file_that_is_no_store_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)):
        opened(path)
    assert path.read_bytes() == content


def test_another_program_s_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE record (a)")
    with pytest.raises(StoreError, match="not a store of luna"):
        opened(path)


def test_a_damaged_store_says_so(path: Path) -> None:
    store = opened(path)
    apply(store, *(new(str(number), {"text": "x" * 1000}) for number in range(200)))
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 20)
    with pytest.raises(StoreError, match=r"damaged.*restore a backup"):
        fetch(opened(path))


def test_a_damaged_body_says_so(path: Path) -> None:
    apply(opened(path), new("a"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE record SET body = '{' WHERE id = 'a'")
    with pytest.raises(StoreError, match=r"damaged.*'thing'"):
        fetch(opened(path))


def test_a_full_disk_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of SQLite's own stands in for the disk's: it ends in the same error."""

    def small(path: Path, timeout_s: float) -> sqlite3.Connection:
        connection = sqlite_file.connect(path, timeout_s)
        connection.execute("PRAGMA max_page_count = 50")
        return connection

    monkeypatch.setattr("luna_core.store.sqlite.connect", small)
    store = opened(path)
    apply(store, new("before"))
    with pytest.raises(StoreError, match=f"{path} is unchanged, because the disk is full"):
        apply(store, *(new(str(number), {"text": "x" * 1_000}) for number in range(500)))
    assert [write.id for write in contents(store)] == ["before"]
    apply(store, new("after"))


def test_a_disk_that_is_full_is_told_to_readers_too(path: Path) -> None:
    directory = path.parent / "small"
    directory.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=1m", "luna-test", directory])
    try:
        path = directory / "luna.db"
        store = opened(path)
        apply(store, new("before"))
        store.close()
        run(["sh", "-c", f"! cat /dev/zero > {directory}/log"])
        with pytest.raises(StoreError, match=f"{path} is unchanged, because the disk is full"):
            fetch(opened(path))
        (directory / "log").unlink()
        store = opened(path)
        assert [write.id for write in contents(store)] == ["before"]
        store.close()
    finally:
        run(["umount", "--lazy", directory])


def test_a_write_that_fails_changes_nothing(path: Path) -> None:
    command = [sys.executable, "-c", FILES_CAN_NOT_GROW, f"sqlite://{path}"]
    error, left = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert error.startswith(f"The store {path} failed: ")
    assert left == "['before']"
    assert [write.id for write in contents(opened(path))] == ["after", "before"]


def test_a_writer_that_waits_too_long_is_told(path: Path) -> None:
    store = opened(path)
    other = SqliteStore(f"sqlite://{path}", lock_timeout_s=0.05)
    with pytest.raises(StoreError, match="locked"):
        store.run(lambda _: apply(other, new("a")), write=True)
    apply(other, new("a"))


def test_a_crash_while_a_store_is_made_leaves_none(path: Path) -> None:
    """What is half made has another name, so that the next start makes it whole."""
    crash = "import os, luna_core.store.sqlite_file as it; it.LAYOUT = it.LAYOUT.partition('CREATE INDEX')[0]\n"
    crash += f"os.link = lambda *_: os._exit(9)\nit.create(it.Path({str(path)!r}))"
    assert subprocess.run([sys.executable, "-c", crash], check=False).returncode == 9
    apply(opened(path), new("a"))


def test_connections_are_reused(path: Path) -> None:
    """Ten threads, one after the other, and a hundred runs leave no more files open than one run."""
    store = opened(path)
    apply(store, new("a"))
    before = open_files(path)
    for _ in range(10):
        thread = threading.Thread(target=lambda: [fetch(store) for _ in range(10)])
        thread.start()
        thread.join()
    assert open_files(path) == before


def open_files(path: Path) -> list[str]:
    """What this process has open of a store; threads of other tests open and close something else."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(descriptor))
    return sorted(name for name in found if name.startswith(str(path)))


def test_a_thread_that_reads_for_long_holds_up_no_other(path: Path) -> None:
    store = opened(path)
    apply(store, new("a"))
    reads, done = threading.Event(), threading.Event()

    def read_on(transaction: Transaction) -> None:
        transaction.fetch("node")
        reads.set()
        done.wait()

    slow = threading.Thread(target=lambda: store.run(read_on, write=False))
    slow.start()
    reads.wait()
    try:
        assert fetch(store)
    finally:
        done.set()
        slow.join()


def test_a_copy_of_the_files_is_a_backup(path: Path, tmp_path: Path) -> None:
    apply(opened(path), new("a"))
    backup = tmp_path / "backup"
    backup.mkdir()
    for one in tmp_path.glob("luna.db*"):
        shutil.copy(one, backup)
    assert fetch(opened(backup / "luna.db"))
