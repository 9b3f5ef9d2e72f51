"""A store in a directory of the service user is root's and the user's in turn, whoever made which of its files."""

import multiprocessing
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.errors import StoreError
from luna_core.model import BmcSetup, Cluster
from luna_core.operations import connect, objects
from luna_core.settings import MachineSettings, machine_settings

OWNER, OTHER = "nobody", "daemon"


@pytest.fixture
def settings() -> Iterator[MachineSettings]:
    """Of a controller whose store and key are in a directory of OWNER's; pytest's own tmp_path is root's alone."""
    state = Path(tempfile.mkdtemp(prefix="luna-store-"))
    state.chmod(0o755)
    (state / "store").mkdir(mode=0o700)
    shutil.chown(state / "store", OWNER, pwd.getpwnam(OWNER).pw_gid)
    store = {"LUNA_STORE": f"sqlite://{state}/store/luna.db", "LUNA_KEY_FILE": f"{state}/store/luna.key"}
    yield machine_settings({"LUNA_STATE_DIRECTORY": str(state), "LUNA_NO_PLUGINS": "1", **store})
    shutil.rmtree(state)


def as_user(name: str, act: Callable[[], None]) -> str:
    """Call `act` in a process of a user with no rights of root's; returns what it raised, in words."""
    return start_as_user(name, act)()


def start_as_user(name: str, act: Callable[[], None]) -> Callable[[], str]:
    """Begin what `as_user` does; the function that it returns waits for the end."""
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()

    def work() -> None:
        entry = pwd.getpwnam(name)
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        try:
            act()
        except Exception as error:
            said.put(f"{type(error).__name__}: {error}")
        else:
            said.put("")

    process = context.Process(target=work)
    process.start()

    def finish() -> str:
        answer: str = said.get()
        process.join()
        return answer

    return finish


def write(settings: MachineSettings, name: str) -> None:
    """Add something with a secret, and read the secret again."""
    with connect(settings) as luna:
        added = luna.change(lambda work: objects.add(work, BmcSetup, name, {"password": "secret"}), "add")
        assert luna.keyring.decrypt(added.password or "") == "secret"


def names(settings: MachineSettings) -> set[str]:
    with connect(settings) as luna:
        return {one.name for one in luna.read(lambda work: work.all(BmcSetup))}


def owners(settings: MachineSettings) -> set[str]:
    return {path.owner() for path in settings.key_file.parent.iterdir()}


def begin(settings: MachineSettings) -> None:
    with connect(settings) as luna:
        luna.change(lambda work: objects.add(work, Cluster, "cluster", {"frontend_addresses": ["10.0.0.1"]}), "init")


def test_the_user_writes_beside_root(settings: MachineSettings) -> None:
    """Root made the store, its write-ahead log and its index, and has them open."""
    begin(settings)
    with connect(settings) as luna:
        luna.change(lambda work: objects.add(work, BmcSetup, "by-root", {"password": "secret"}), "add")
        assert Path(f"{settings.store.removeprefix('sqlite://')}-wal").exists()
        assert owners(settings) == {OWNER}
        assert as_user(OWNER, lambda: write(settings, "by-user")) == ""
        assert names(settings) == {"by-root", "by-user"}
    assert as_user(OWNER, lambda: write(settings, "by-user-alone")) == ""


def test_root_writes_beside_the_user(settings: MachineSettings) -> None:
    """The user made all of it, and has it open."""
    context = multiprocessing.get_context("fork")
    is_open, is_written = context.Event(), context.Event()

    def keep_open() -> None:
        begin(settings)
        with connect(settings) as luna:
            luna.change(lambda work: objects.add(work, BmcSetup, "by-user", {"password": "secret"}), "add")
            is_open.set()
            assert is_written.wait(60)
            luna.change(lambda work: objects.change(work, BmcSetup, "by-root", {"user": "changed"}), "change")

    finish = start_as_user(OWNER, keep_open)
    assert is_open.wait(60)
    write(settings, "by-root")
    is_written.set()
    assert finish() == ""
    assert names(settings) == {"by-user", "by-root"}
    assert owners(settings) == {OWNER}


def test_nobody_else_reads_it(settings: MachineSettings) -> None:
    begin(settings)
    write(settings, "by-root")
    assert as_user(OTHER, lambda: write(settings, "by-other")).startswith(StoreError.__name__)
    assert "can't be used: Permission denied" in as_user(
        OTHER, lambda: print(connect(settings).keyring.decrypt("encrypted:x"))
    )
