"""A file that tells this controller's other services that nodes wait for kernel and initramfs."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_TOUCH_S: Final = 1.0


class WaitingMark:
    """Touches the file, at most once a second. Threads may share it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._touched_s = -_TOUCH_S

    def touch(self) -> None:
        """A node waits; a file that can't be written costs those that wait some time, but no boot."""
        now_s = time.monotonic()
        if now_s - self._touched_s >= _TOUCH_S:
            self._touched_s = now_s
            with suppress(OSError):
                self._file.touch()
