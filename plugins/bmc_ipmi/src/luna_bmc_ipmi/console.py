"""A node's serial console on this terminal: python -m luna_bmc_ipmi.console FILE, as `luna power console` starts it."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from luna_bmc_ipmi.connection import Connection, connected
from luna_bmc_ipmi.escape import Keyboard
from luna_bmc_ipmi.handover import take_over
from luna_bmc_ipmi.session import sockets
from luna_core.errors import LunaError
from luna_core.types import BmcTarget

# pyghmi asks an idle BMC for a sign of life every 24 to 29 s, and again while none comes.
LONGEST_SILENCE_S = 60.0
# How often pyghmi gets to look after its retries when nothing else happens.
TICK_S = 0.5
CHUNK_BYTES = 4096


def main() -> int:
    """Attach the terminal until `~.` is typed; returns the exit status."""
    if len(sys.argv) != 2:
        print("The console is started by 'luna power console NODE'.", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        bmc = take_over(Path(sys.argv[1]))
        with connected(bmc) as connection, raw_terminal():
            connection.be_patient(LONGEST_SILENCE_S)
            Terminal(bmc, connection).run()
    except LunaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Terminal:
    """Carries what is typed to the node and what it says to the terminal."""

    def __init__(self, bmc: BmcTarget, connection: Connection) -> None:
        self._bmc = bmc
        self._problem = ""
        self._keyboard = Keyboard()
        self._left = False
        self._console = connection.console(self._show)

    def run(self) -> None:
        """Serve until the escape is typed or input ends. Raises LunaError when the BMC ends it."""
        try:
            while not (self._console.connected or self._problem):
                self._console.wait_for_rsp(TICK_S)
            self._say(f"Console of {self._bmc.node}. To leave it, type Enter ~ . (~B sends a break, ~~ a ~).")
            while not (self._left or self._problem):
                self._serve()
        finally:
            self._console.close()
        if self._problem:
            raise LunaError(f"The console of {self._bmc.node} at {self._bmc.address} was closed: {self._problem}.")
        self._say(f"Left the console of {self._bmc.node}.")

    def _serve(self) -> None:
        keyboard = sys.stdin.fileno()
        readable, _, _ = select.select([keyboard, *sockets()], (), (), TICK_S)
        self._console.wait_for_rsp(0)
        if keyboard in readable:
            typed = os.read(keyboard, CHUNK_BYTES)
            self._left = not typed
            self._type(typed)

    def _type(self, typed: bytes) -> None:
        pending = b""
        for key in typed:
            meant = self._keyboard.press(key)
            if isinstance(meant, bytes):
                pending += meant
                continue
            self._send(pending)
            pending = b""
            if meant == "leave":
                self._left = True
                return
            self._console.send_break()
        self._send(pending)

    def _send(self, data: bytes) -> None:
        if data:
            self._console.send_data(data)

    def _show(self, data: Any) -> None:
        """Called by pyghmi with bytes from the node, or a dictionary of what happened to the session."""
        if not isinstance(data, dict):
            os.write(sys.stdout.fileno(), data)
        elif "info" in data:
            self._say(f"{data['info']}.")
        else:
            self._problem = str(data.get("error"))

    def _say(self, text: str) -> None:
        os.write(sys.stdout.fileno(), f"\r\n[luna: {text}]\r\n".encode())


@contextmanager
def raw_terminal() -> Iterator[None]:
    """Every key is for the node while this lasts, if there is a terminal at all."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


if __name__ == "__main__":
    sys.exit(main())
