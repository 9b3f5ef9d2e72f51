"""The process that takes part in the swarm: its parent is the fetcher, and it may outlive it to go on seeding.

The first line of standard input is a request in JSON; the line `stay` says that seeding is to go on; the end of
standard input without it means that the fetcher died, and so does this. On standard output go lines of JSON with what
happened. It stops on SIGTERM.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from threading import Event, Thread

from luna_transport_torrent.node.session import Download, Request

_TICK_S = 0.25
# What comes last is what the node waits for.
_LAST_TICK_S = 0.05
_STAYING_TICK_S = 2.0


def main() -> int:
    """Fetch, and seed until told to stop."""
    stopped, staying = Event(), Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    line = sys.stdin.readline()
    if not line:
        return 0
    request = json.loads(line)
    Thread(target=_listen, args=(stopped, staying), daemon=True).start()
    try:
        lists = {name: tuple(request[name]) for name in ("controllers", "wanted")}
        download = Download(Request(**{**request, **lists}))
    except RuntimeError as error:
        _tell({"problem": str(error)})
        return 1
    while not stopped.wait(_STAYING_TICK_S if staying.is_set() else _LAST_TICK_S if download.ends else _TICK_S):
        problems = list(download.problems())
        if not staying.is_set():
            _tell({"complete": download.complete(), "traffic": asdict(download.traffic())})
            for problem in problems:
                _tell({"problem": problem})
    return 0


def _listen(stopped: Event, staying: Event) -> None:
    for line in sys.stdin:
        if line.strip() == "stay":
            # From here on nobody reads what is told.
            staying.set()
    if not staying.is_set():
        stopped.set()


def _tell(facts: Mapping[str, object]) -> None:
    try:
        print(json.dumps(facts), flush=True)
    except BrokenPipeError:
        # Not closed by Python at its end, which would fail in the same way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
