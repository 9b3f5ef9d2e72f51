"""The boot menu in a true iPXE, on the serial console of a virtual machine that nobody knows."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from luna_core.boot.adopt import adopt
from luna_core.boot.sessions import boots
from luna_core.model import Node
from luna_core.model.boot import UnknownMachine

MAC = "52:54:00:00:00:99"
DOWN, ENTER = b"\x1b[B", b"\r"
PATIENCE_S = 240.0

pytestmark = pytest.mark.timeout(300)


class Console:
    """What a machine shows on its serial console, and a keyboard."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._shown = bytearray()
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while piece := self._process.stdout.read1(4096):  # type: ignore[union-attr]
            with self._news:
                self._shown += piece
                self._news.notify_all()

    def wait_for(self, text: bytes) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self._shown, PATIENCE_S), self._shown[-2000:].decode("latin-1")

    def press(self, *keys: bytes) -> None:
        """Press each key once the machine has shown what the one before did."""
        for key in keys:
            with self._news:
                shown = len(self._shown)
                self._process.stdin.write(key)  # type: ignore[union-attr]
                self._process.stdin.flush()  # type: ignore[union-attr]
                assert self._news.wait_for(lambda shown=shown: len(self._shown) > shown, PATIENCE_S), key


@pytest.fixture
def console(server: Any) -> Iterator[Console]:
    """A machine whose card boots from the server; QEMU's own network reaches 127.0.0.1 as 10.0.2.2."""
    server.neighbours["127.0.0.1"] = MAC
    port = server.url.rpartition(":")[2]
    command = [
        *("qemu-system-x86_64", "-machine", "q35,graphics=off", "-accel", "tcg", "-m", "128", "-nodefaults"),
        *("-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-netdev", f"user,id=n0,bootfile=http://10.0.2.2:{port}/boot/ipxe"),
        *("-device", f"virtio-net-pci,netdev=n0,mac={MAC},bootindex=1"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield Console(process)
    process.kill()
    process.wait()


def eventually(question: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not question():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.5)


def has_booted(server: Any, name: str) -> bool:
    return bool(server.luna.read(lambda work: boots(work, work.get(Node, name))))


def test_a_free_node_is_chosen_with_the_keyboard(server: Any, console: Console) -> None:
    console.wait_for(b"iPXE shell")
    console.press(DOWN, DOWN, ENTER)
    eventually(lambda: has_booted(server, "node002"))
    assert server.luna.read(lambda work: work.get(Node, "node002").macs()) == [MAC]
    console.wait_for(b"this is node002")


def test_a_machine_that_waits_boots_by_itself_once_it_is_adopted(server: Any, console: Console) -> None:
    console.wait_for(b"luna node adopt 52-54-00-00-00-99")
    eventually(lambda: server.luna.read(lambda work: work.all(UnknownMachine)))
    server.luna.change(lambda work: adopt(work, MAC, "node003"), "adopt")
    console.wait_for(b"this is node003")
    assert has_booted(server, "node003")
    assert server.luna.read(lambda work: work.all(UnknownMachine)) == []
