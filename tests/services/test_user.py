"""Which user services run as that need no root, and what keeps them from it."""

import pwd
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.operations import connect
from luna_core.services.user import AS_ROOT, chosen_user, complaints
from luna_core.settings import MachineSettings, machine_settings

USER = "nobody"


@pytest.fixture
def settings(directory: Path, monkeypatch: pytest.MonkeyPatch) -> MachineSettings:
    """Of a controller whose key and store are USER's, and whose Python, a script here, anybody may run."""
    private = directory / "store"
    private.mkdir(mode=0o700)
    shutil.chown(private, USER, pwd.getpwnam(USER).pw_gid)
    python = directory / "python"
    python.write_text('#!/bin/sh\ncase $2 in *store*) test -w "$STORE" ;; esac\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("STORE", str(private / "luna.db"))
    store = {"LUNA_STORE": f"sqlite://{private}/luna.db", "LUNA_KEY_FILE": f"{private}/luna.key"}
    return machine_settings({"LUNA_STATE_DIRECTORY": str(directory), "LUNA_NO_PLUGINS": "1", **store})


def test_it_is_the_owner_of_the_key_s_directory(settings: MachineSettings, directory: Path) -> None:
    assert chosen_user(settings) == (USER, "")
    user, reason = chosen_user(replace(settings, key_file=directory / "luna.key"))
    assert user is None
    assert reason == f"{AS_ROOT}, who owns {directory}; 'luna services install' makes a user."


def test_it_is_root_where_the_user_can_t_run_luna(settings: MachineSettings) -> None:
    """As with a checkout below /root."""
    Path(sys.executable).chmod(0o700)
    user, reason = chosen_user(settings)
    assert user is None
    assert reason.startswith(f"{AS_ROOT}: user {USER} can't run luna from where it is installed (")
    assert "Permission denied" in reason


def test_doctor_tells_what_the_user_can_t_use(settings: MachineSettings, directory: Path) -> None:
    with connect(settings) as luna:
        luna.store.close()
    for name, mode in (("open", 0o755), ("closed", 0o700)):
        (directory / name / "etc").mkdir(parents=True)
        (directory / name).chmod(mode)
    (directory / "empty").mkdir()
    trees = {name: directory / name for name in ("open", "closed", "empty", "gone")}
    closed = f"osimage closed: user {USER}, whom the boot server runs as, can't enter {directory}/closed/etc."
    assert list(complaints(settings, trees)) == [closed]
    shutil.chown(directory / "store/luna.db", "root")
    (directory / "store/luna.db").chmod(0o600)
    assert list(complaints(settings, {})) == [f"User {USER} can't use the store: setpriv exited with status 1."]
