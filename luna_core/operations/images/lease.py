"""Among controllers that share a store, one at a time makes versions of an osimage; locks.py is for one machine."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Final

from luna_core.errors import Conflict, LunaError
from luna_core.model.lease import Lease
from luna_core.operations import Luna
from luna_core.operations.work import Work

LIFETIME: Final = timedelta(seconds=90)
RENEW_S: Final = 20.0
# Controllers whose clocks are further apart are none: what ends later is of a clock that was wrong.
_FURTHEST: Final = timedelta(hours=1)


@contextmanager
def lease(luna: Luna, image: str, name: str, doing: str) -> Iterator[None]:
    """Hold the osimage with the id `image`, for whoever holds its tree on this machine; raises Conflict.

    What this machine left behind when it crashed is its own again at once, for the tree's lock says that nobody else
    on it is at work; what another left is free after a minute and a half.
    """
    machine = f"{socket.gethostname()}:{luna.settings.state_directory.absolute()}"
    _take(luna, image, name, machine, doing)
    over = Event()
    thread = Thread(target=_renew, args=(luna, image, name, machine, doing, over), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(LunaError):
            luna.note(lambda work: _release(work, image, machine))


def _release(work: Work, image: str, machine: str) -> None:
    for one in _held(work, image):
        if one.machine == machine:
            work.remove(one)


def _renew(luna: Luna, image: str, name: str, machine: str, doing: str, over: Event) -> None:
    while not over.wait(RENEW_S):
        try:
            _take(luna, image, name, machine, doing)
        except LunaError:
            # The store is away, or was for so long that another took over; what is packed is content-addressed.
            continue


def _take(luna: Luna, image: str, name: str, machine: str, doing: str) -> None:
    def operation(work: Work) -> None:
        now = datetime.now(UTC)
        for one in _held(work, image):
            if one.machine != machine and now < datetime.fromisoformat(one.until) < now + LIFETIME + _FURTHEST:
                raise Conflict(f"osimage {name} can't be used now: {one.machine} is {one.doing}. Try again later.")
        values = {"id": image, "name": name, "machine": machine, "doing": doing}
        work.put(Lease.load({**values, "until": (now + LIFETIME).isoformat(timespec="seconds")}))

    luna.note(operation)


def _held(work: Work, image: str) -> list[Lease]:
    return work.many(Lease, [image])
