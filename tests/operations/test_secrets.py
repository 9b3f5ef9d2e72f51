"""Secrets are nowhere in plain text, and one key reads them on every controller."""

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from luna_core import documents
from luna_core.errors import BadInput, LunaError
from luna_core.model import BmcSetup, Switch
from luna_core.model.fields import ENCRYPTED
from luna_core.operations import exchange, history
from luna_core.operations.forms import outward
from luna_core.secrets import Keyring

SECRET = "hunter2-very-secret"


def stored(admin: Any) -> Any:
    return admin.luna.read(lambda work: work.get(BmcSetup, "x"))


def test_a_secret_is_nowhere_in_plain_text(admin: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    admin.add(BmcSetup, "x", password=SECRET, secret_options={"kg": SECRET})
    admin.add(Switch, "sw", community=SECRET, privacy_password=SECRET)
    admin.change(BmcSetup, "x", password=f"{SECRET}2")
    shown = admin.luna.read(
        lambda work: [outward(work, one) for one in (work.get(BmcSetup, "x"), work.get(Switch, "sw"))]
    )
    assert [one.get("password", one.get("community")) for one in shown] == ["***", "***"]
    exported = documents.dump(admin.luna.read(exchange.export))
    changes = admin.luna.read(lambda work: [*history.all_changes(work)])
    for text in (repr(stored(admin)), str(shown), exported, repr(changes), caplog.text):
        assert SECRET not in text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.startswith("luna.db") for path in files)
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert admin.luna.keyring.decrypt(stored(admin).password) == f"{SECRET}2"


@pytest.mark.parametrize("secret", ["", "*", "ä€😀", "a'b\"c\n", "x" * 10_000])
def test_any_secret_comes_back(admin: Any, secret: str) -> None:
    admin.add(BmcSetup, "x", password=secret)
    assert admin.luna.keyring.decrypt(stored(admin).password) == secret


def test_a_secret_that_is_no_text(admin: Any) -> None:
    with pytest.raises(BadInput, match=r"\*\*\* was given; accepted is a secret in UTF-8"):
        admin.add(BmcSetup, "x", password="hunter\udc80")


def test_a_mask_is_no_secret(admin: Any) -> None:
    with pytest.raises(BadInput, match=r"bmcsetup x: \*\*\* stands for a secret that was not shown"):
        admin.add(BmcSetup, "x", password="***")


def test_only_the_owner_reads_the_key(admin: Any) -> None:
    admin.add(BmcSetup, "x", password=SECRET)
    key = admin.luna.settings.key_file
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert sorted(path.name for path in key.parent.iterdir() if "key" in path.name) == ["luna.key"]
    key.chmod(0o640)
    with pytest.raises(LunaError, match=r"can be read by others; 'chmod 600 .*luna.key'"):
        Keyring(key).decrypt(stored(admin).password)


def test_the_key_belongs_to_the_owner_of_its_directory(tmp_path: Path) -> None:
    """Root makes the key, and the service user must be able to read it."""
    os.chown(tmp_path, 4711, 4712)
    Keyring(tmp_path / "luna.key").encrypt(SECRET)
    made = (tmp_path / "luna.key").stat()
    assert (made.st_uid, made.st_gid) == (4711, 4712)


def test_no_key_is_made_before_there_is_a_secret(admin: Any) -> None:
    admin.add(BmcSetup, "x", user="root")
    assert not admin.luna.settings.key_file.exists()


def test_two_controllers_need_one_key(admin: Any, open_luna: Any) -> None:
    """The second one makes no key of its own beside the first's, for nobody could read all secrets then."""
    admin.add(BmcSetup, "x", password=SECRET)
    second = open_luna("second", store=admin.luna.settings.store)
    password = stored(admin).password
    with pytest.raises(LunaError, match=r"second/luna.key, is missing: copy it from the controller that has it"):
        second.keyring.decrypt(password)
    with pytest.raises(
        LunaError, match=r"bmcsetup x has a secret, but its key, .*second/luna.key, is missing: copy it"
    ):
        type(admin)(second).add(BmcSetup, "y", password="other")
    assert not second.settings.key_file.exists()
    second.settings.key_file.write_bytes(admin.luna.settings.key_file.read_bytes())
    second.settings.key_file.chmod(0o600)
    type(admin)(second).add(BmcSetup, "y", password="other")
    assert admin.luna.keyring.decrypt(admin.luna.read(lambda work: work.get(BmcSetup, "y")).password) == "other"


def test_another_key_is_not_the_right_one(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    written = Keyring(tmp_path / "one/key").encrypt(SECRET)
    other = Keyring(tmp_path / "two/key")
    other.encrypt("x")
    with pytest.raises(LunaError, match=r"was not encrypted with the key in .*two/key. Copy the key file"):
        other.decrypt(written)
    (tmp_path / "two/key").write_text("no key")
    with pytest.raises(LunaError, match=r"two/key does not hold a key that luna wrote"):
        Keyring(tmp_path / "two/key").decrypt(written)


def test_a_place_where_no_key_can_be(tmp_path: Path) -> None:
    with pytest.raises(LunaError, match=r"The key file .*/nowhere/key can't be used: No such file or directory"):
        Keyring(tmp_path / "nowhere/key").encrypt(SECRET)


def _encrypt(path: Path, barrier: Any, written: Any) -> None:
    keyring = Keyring(path)
    barrier.wait()
    written.put(keyring.encrypt(SECRET))


def test_processes_that_make_the_key_together_have_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, written = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_encrypt, args=(tmp_path / "key", barrier, written)) for _ in range(4)]
    for worker in workers:
        worker.start()
    secrets = [written.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert {Keyring(tmp_path / "key").decrypt(secret) for secret in secrets} == {SECRET}
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_what_is_stored_is_encrypted(admin: Any) -> None:
    admin.add(BmcSetup, "x", password=SECRET)
    with sqlite3.connect(admin.luna.settings.store.removeprefix("sqlite://")) as connection:
        bodies = connection.execute("SELECT body FROM record WHERE body LIKE '%password%'").fetchall()
    assert bodies
    assert all(ENCRYPTED in body for (body,) in bodies)
