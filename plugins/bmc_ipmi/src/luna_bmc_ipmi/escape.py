"""What is typed at a console: mostly for the node, but after a new line `~` begins a word to luna, as in ssh(1)."""

from dataclasses import dataclass
from typing import Literal

ESCAPE = ord("~")
_NEW_LINE = b"\r\n"
_WORDS: dict[int, Literal["leave", "break"]] = {ord("."): "leave", ord("B"): "break"}


@dataclass
class Keyboard:
    """Tells the two apart, one key after the other."""

    _state: Literal["new line", "within", "escaped"] = "new line"

    def press(self, key: int) -> bytes | Literal["leave", "break"]:
        """What the node gets for this key, or what luna is to do. `~~` is a `~` for the node."""
        before, self._state = self._state, "new line" if key in _NEW_LINE else "within"
        if before == "new line" and key == ESCAPE:
            self._state = "escaped"
            return b""
        if before != "escaped":
            return bytes([key])
        if key in _WORDS:
            self._state = "new line"
            return _WORDS[key]
        return bytes([key]) if key == ESCAPE else bytes([ESCAPE, key])
