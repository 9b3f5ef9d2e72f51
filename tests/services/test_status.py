"""Who may run `luna serve` while others look at what runs."""

import fcntl
import time
from pathlib import Path

import pytest

from luna_core.services.status import alone


def test_a_look_at_what_runs_keeps_nobody_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks holds the lock for a moment; here until the one that starts has met it."""
    with (tmp_path / "serve.lock").open("a") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(look, fcntl.LOCK_UN))
        with alone(tmp_path, None) as status_file:
            assert status_file == tmp_path / "serve.json"
