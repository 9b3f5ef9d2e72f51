"""The command inside the tree, from fork(2) to execve(2)."""

import json
import os
import signal
import socket
import sys

from luna_core.chroot import uname
from luna_core.chroot.plan import Plan

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


def start(control: socket.socket, plan: Plan) -> tuple[int, int | None]:
    """Start the plan's command: gives its process and, if uname(2) is answered for it, the descriptor for that."""
    ours, its = socket.socketpair()
    process = os.fork()
    if process:
        its.close()
        with ours:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return process, next(iter(descriptors), None)
    ours.close()
    try:
        _become(plan, its)
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        said = {"error": f"{plan.command[0]} can't be started: {error.strerror or error}.", "status": status}
        control.send(json.dumps(said).encode())
    finally:
        os._exit(1)


def _become(plan: Plan, luna: socket.socket) -> None:
    os.chroot(plan.root)
    os.chdir("/")
    os.umask(0o022)
    if plan.takes_terminal:
        _take_terminal()
    # What is ignored stays so in the new program.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    with luna:
        if plan.release:
            _hand_over_uname(luna)
    if plan.greeting and os.access(plan.command[0], os.X_OK):
        print(plan.greeting, file=sys.stderr, flush=True)
    os.execvpe(plan.command[0], list(plan.command), dict(plan.environment))  # noqa: S606 - no shell is wanted


def _take_terminal() -> None:
    """Some shells fail if they can't return the terminal to the process group they came from: one of the namespace."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def _hand_over_uname(luna: socket.socket) -> None:
    try:
        listener = uname.listen()
    except OSError as error:
        print(f"luna: uname tells of this machine's kernel, not the image's: {error}.", file=sys.stderr, flush=True)
        return
    socket.send_fds(luna, [b"+"], [listener])
    os.close(listener)
