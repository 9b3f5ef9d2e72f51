"""A node's serial console on this terminal."""

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

from luna_core import drivers
from luna_core.errors import BadInput, LunaError
from luna_core.operations import Luna
from luna_core.power.ask import find_bmcs

_CHUNK_BYTES = 65536


def attach(luna: Luna, node: str, log: Path | None) -> int:
    """Hand the terminal to the driver's console command until it ends; returns 0, or 1 if that failed.

    Raises BadInput for more than one node, LunaError if it has no console or the log can't be written.
    """
    found = find_bmcs(luna, [node])
    if len(found) != 1:
        raise BadInput(f"power console: {node!r} was given, which is {len(found)} nodes; accepted is one.")
    bmc = found[0]
    if bmc.target is None:
        raise LunaError(bmc.problem)
    command = drivers.load("luna.bmc", bmc.driver, luna.settings).console_command(bmc.target)
    status = subprocess.call(command) if log is None else _logged(command, log)  # noqa: S603 - the driver's command
    return 1 if status else 0


def _logged(command: Sequence[str], log: Path) -> int:
    """Run a command in a terminal of its own, whose output goes to ours and to the file, which only root can read."""
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise LunaError(f"The console's log {log} can't be written: {error.strerror}.") from error

    def read(terminal: int) -> bytes:
        said = os.read(terminal, _CHUNK_BYTES)
        os.write(file, said)
        return said

    try:
        return os.waitstatus_to_exitcode(pty.spawn(list(command), read))
    finally:
        os.close(file)
