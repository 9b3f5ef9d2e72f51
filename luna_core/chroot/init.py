"""What process 1 does while the command runs: reap, pass signals on, answer uname(2), and notice the end of luna."""

import os
import select
import signal
import socket
from contextlib import suppress

from luna_core.chroot import uname

_KILLED = 128 + signal.SIGKILL


def serve(control: socket.socket, command: int, listener: int | None, release: str | None) -> int:
    """Serve until the command has ended or luna is gone; returns the exit status as a shell gives it."""
    children, poll = _children(), select.poll()
    for descriptor in (control.fileno(), children, *([] if listener is None else [listener])):
        poll.register(descriptor, select.POLLIN)
    while (status := _reap(command)) is None:
        for descriptor, event in poll.poll():
            if descriptor == listener:
                if event & select.POLLIN:
                    uname.answer(descriptor, release or "")
                else:
                    poll.unregister(descriptor)
            elif descriptor == children:
                os.read(children, 1)
            elif not _pass_on(control, command):
                return _KILLED
    return status


def _children() -> int:
    """A descriptor that can be read after a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return reading


def _pass_on(control: socket.socket, command: int) -> bool:
    """Send the command the signals that luna was sent; False if luna is gone."""
    numbers = control.recv(1)
    for number in numbers:
        os.kill(command, number)
    return bool(numbers)


def _reap(command: int) -> int | None:
    status = None
    with suppress(ChildProcessError):
        while True:
            process, how = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            if process == command:
                code = os.waitstatus_to_exitcode(how)
                status = code if code >= 0 else 128 - code
    return status
