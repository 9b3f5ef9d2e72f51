"""What a BMC may do to its machine: it asks the lab here, ipmi_sim by a script that it starts."""

import socketserver
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from luna_lab.machine import BOOT_DISK, BOOT_NETWORK, Machine

# What ipmi_sim calls the boot devices; it passes on neither whether they are for once nor other devices.
BOOT_DEVICES = {"pxe": BOOT_NETWORK, "default": BOOT_DISK}
_SCRIPT = Path(__file__).parent / "scripts" / "chassis_control.py"


class ChassisRoom:
    """Answers all BMCs on the socket `path` in `directory`; a context manager.

    All machines are switched by one thread, which lives as long as it, since a machine ends with the thread that
    started it.
    """

    def __init__(self, directory: Path, machines: Sequence[Machine]) -> None:
        self.path = directory / "chassis"
        self._machines = {machine.name: machine for machine in machines}

    def __enter__(self) -> "ChassisRoom":
        self._server = _Server(str(self.path), _Request)
        self._server.ask = self._ask
        self._thread = threading.Thread(target=self._server.serve_forever, name="chassis", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def command(self, name: str) -> str:
        """The script with its arguments, for the `chassis_control` of a machine's ipmi_sim."""
        return f"{sys.executable} -I -S {_SCRIPT} {self.path} {name}"

    def _ask(self, name: str, verb: str, *words: str) -> str:
        machine = self._machines[name]
        if verb == "get":
            return "".join(f"{word}:{_get(machine, word)}\n" for word in words)
        for word, value in zip(words[::2], words[1::2], strict=False):
            _set(machine, word, value)
        return ""


class _Server(socketserver.UnixStreamServer):
    request_queue_size = 128
    ask: Callable[..., str]


class _Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)  # noqa: S101 - tells the type checker
        words = self.rfile.readline().decode().split()
        self.wfile.write(f"done\n{self.server.ask(*words)}".encode())


def _get(machine: Machine, word: str) -> str:
    if word == "power":
        return str(int(machine.running))
    if word == "boot":
        return next((name for name, device in BOOT_DEVICES.items() if device == machine.boot_once), "none")
    return "0"


def _set(machine: Machine, word: str, value: str) -> None:
    machine.say(f"its BMC is told: {word} {value}")
    actions: Mapping[str, Callable[[], None]] = {
        "power": machine.start if value == "1" else machine.stop,
        "reset": machine.reset,
        "shutdown": machine.press_power_button,
    }
    if word == "boot":
        machine.boot_once = BOOT_DEVICES.get(value)
    elif action := actions.get(word):
        action()
