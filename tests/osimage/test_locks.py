"""Who is named to whoever can't have a tree."""

import fcntl
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from luna_core.errors import Conflict
from luna_core.operations.images.locks import tree_lock
from luna_core.settings import MachineSettings


def test_whoever_waits_for_what_a_dead_holder_left_is_told_who_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, tree, pause = MachineSettings(state_directory=tmp_path), tmp_path / "tree", time.sleep
    with tree_lock(settings, "compute", tree, "packing"):
        (file,) = (tmp_path / "locks").iterdir()
    with subprocess.Popen(["true"]) as dead, file.open("a") as left, ExitStack() as others:
        dead.wait()
        left.write(f"process {dead.pid} is packing osimage compute")
        left.flush()
        fcntl.flock(left, fcntl.LOCK_EX)

        def come_first(seconds: float) -> None:
            if not left.closed:
                left.close()
                others.enter_context(tree_lock(settings, "compute", tree, "grabbing"))
            pause(seconds)

        monkeypatch.setattr("luna_core.operations.images.locks._ENDING_S", 1.0)
        monkeypatch.setattr("luna_core.operations.images.locks.time.sleep", come_first)
        with pytest.raises(Conflict, match=r"is grabbing osimage compute, for .* Try again when that is done"):
            others.enter_context(tree_lock(settings, "compute", tree, "pushing"))
