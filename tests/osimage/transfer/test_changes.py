"""What rsync's own words are taken for."""

import os
import shutil
from pathlib import Path

from luna_core.operations.transfer.changes import FORMAT, Change, Changes
from luna_core.run import run


def test_each_kind_of_difference_counts_once(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    for name in ("changed", "deleted", "first", "same", "second"):
        (here / name).write_text(name)
    shutil.copytree(here, there)
    (here / "changed").write_text("otherwise")
    (here / "deleted").unlink()
    (here / "added|9").write_text("new")
    (here / "second").unlink()
    os.link(here / "first", here / "second")
    shutil.copy2(here / "first", there / "second")
    said = run(["rsync", "-aH", "--delete", "--dry-run", f"--out-format={FORMAT}", f"{here}/", f"{there}/"])
    assert set(Changes.parsed([*said.splitlines(), "luna|warning"]).all) == {
        Change("deleted", "/deleted"),
        Change("added", "/added|9", 3),
        Change("changed", "/changed", 9),
        Change("changed", "/second"),
    }
