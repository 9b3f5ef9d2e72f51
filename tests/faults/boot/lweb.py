"""The boot server on loopback, which has no neighbours: it takes every machine for the one whose MAC is given.

`lweb.py MAC CLOCK OPTION...`: its clock is ahead by the seconds in the file CLOCK.
"""

import sys
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

from luna_core.boot import sessions
from luna_core.web import server


class Clock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":
        return super().now(tz) + timedelta(seconds=float(Path(sys.argv[2]).read_text()))


sessions.datetime = Clock  # type: ignore[misc]
server.BootService = partial(server.BootService, neighbour=lambda address: sys.argv[1])  # type: ignore[misc]
server.serve(sys.argv[3:])
