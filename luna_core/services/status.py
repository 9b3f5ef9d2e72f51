"""Which `luna serve` runs on this machine, one for all parts or one for each, and what it says of itself."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from luna_core.errors import LunaError
from luna_core.settings import MachineSettings

# Whoever asks what runs holds a lock for a moment, which must not keep luna serve from starting.
_TRIES, _PAUSE_S = 20, 0.05
_NOT_RUNNING = "luna serve does not run on this machine"


@contextmanager
def alone(directory: Path, part: str | None) -> Iterator[Path]:
    """Be the only one that runs `part`, None for all parts; gives the file for the status.

    Raises LunaError if it runs already, alone or with all the others.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _held(directory / "serve.lock", fcntl.LOCK_SH if part else fcntl.LOCK_EX):
        if part is None:
            yield directory / "serve.json"
            return
        with _held(directory / f"serve-{part}.lock", fcntl.LOCK_EX):
            yield directory / f"serve-{part}.json"


def read_status(settings: MachineSettings) -> dict[str, Any]:
    """What runs: `problems` and `services` of the `luna serve` for all parts, or of all those for one.

    Raises LunaError if there is none, or its status can't be read.
    """
    directory = settings.state_directory
    try:
        locks = [directory / "serve.lock"]
        if not _is_held(locks[0], fcntl.LOCK_SH):
            locks = [path for path in sorted(directory.glob("serve-*.lock")) if _is_held(path, fcntl.LOCK_EX)]
        documents = [json.loads(path.with_suffix(".json").read_text()) for path in locks]
    except OSError as error:
        raise LunaError(f"{_NOT_RUNNING}, or you may not see it: {error}.") from error
    if not documents:
        raise LunaError(f"{_NOT_RUNNING}.")
    return {
        "problems": list(dict.fromkeys(problem for one in documents for problem in one["problems"])),
        "services": [service for one in documents for service in one["services"]],
    }


def _is_held(path: Path, kind: int) -> bool:
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _held(path: Path, kind: int) -> Iterator[None]:
    with path.open("a") as lock:
        for _ in range(_TRIES):
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_PAUSE_S)
        else:
            raise LunaError(f"luna serve runs already; it holds {path}.")
        yield
