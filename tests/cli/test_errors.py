"""Every failure is a sentence and an exit status."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luna_core import scaffold
from luna_core.run import run
from luna_core.store.sqlite import SqliteStore

Luna = Callable[..., Any]


@pytest.mark.parametrize(
    ("store", "status", "said"),
    [
        ("sqlite:///nonexistent/luna.db", 1, "/nonexistent"),
        ("sqlite://relative.db", 2, "absolute"),
        ("nonsense", 2, "sqlite:///"),
        ("mongodb://user:hidden@127.0.0.1:1/luna?serverSelectionTimeoutMS=200", 1, "127.0.0.1:1"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_sentence(process: Luna, store: str, status: int, said: str) -> None:
    done = process("node", "list", LUNA_STORE=store)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert "hidden" not in done.err


def test_a_damaged_store_is_one_sentence(process: Luna, state: Path) -> None:
    (state / "luna.db").write_bytes(b"nonsense" * 1000)
    done = process("node", "list")
    assert done.status == 1
    assert len(done.err.splitlines()) == 1


def test_a_locked_store_is_one_sentence(cluster: Luna, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteStore.__init__, "__kwdefaults__", {"lock_timeout_s": 0.1})
    holder = sqlite3.connect(state / "luna.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = cluster("node", "change", "node001", "--rack", "r1")
    assert done.status == 1
    assert "locked" in done.err
    assert cluster("node", "list").status == 0
    holder.close()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk without room."""
    place = tmp_path / "full"
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=4k", "luna-test", place])
    run(["sh", "-c", f"! cat /dev/zero > {place}/log"])
    yield place
    run(["umount", place])


def test_a_full_disk_is_no_defect(luna: Luna, full: Path) -> None:
    done = luna("plugin", "new", "small", "--directory", str(full / "plugin"))
    assert (done.status, done.err) == (1, "luna: No space left on device.\n")


def test_of_a_tree_that_does_not_fit_one_file_is_named(luna: Luna, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*arguments: object) -> None:
        shutil.copytree(Path(__file__).parent, full / "tree")

    monkeypatch.setattr(scaffold, "create", create)
    done = luna("plugin", "new", "small")
    assert done.status == 1
    assert re.fullmatch(rf"luna: \[Errno 28\] No space left on device: '\S+' -> '{full}/tree/\S+'\.\n", done.err)


@pytest.mark.parametrize(
    "words",
    [
        *("nothing", "node nothing", "node list --nothing", "node show", "node list -o xml"),
        *("boot watch --once --timeout nan", "boot nodes @all --dry-run --timeout inf"),
        *("power on @all --dry-run --timeout nan", "power status @all --stagger 1e308"),
    ],
)
def test_wrong_usage_exits_with_2(luna: Luna, words: str) -> None:
    done = luna(*words.split())
    assert (done.status, done.out) == (2, "")
    assert done.err


def test_an_argument_that_is_no_text_is_refused(process: Luna, state: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("luna")), "node", "show", b"\xff"], capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr


def test_a_reader_that_leaves_is_no_error_to_talk_about(cluster: Luna) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("luna")), "export"], stdout=write, stderr=subprocess.PIPE, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("closed", ["1>&-", "0<&- 1>&- 2>&-"])
def test_a_command_whose_files_are_closed_does_its_work(closed: str, luna: Luna) -> None:
    program = Path(sys.executable).with_name("luna")
    add = f"exec {program} cluster init --frontend-address 10.141.255.254 {closed}"
    done = subprocess.run(["/bin/sh", "-c", add], stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert luna("cluster show -o json").status == 0
