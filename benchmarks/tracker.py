"""luna's tracker for one torrent of whatever kind, for clients that are no nodes: `tracker.py INFO_HASH PORT`."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cheroot import wsgi

from luna_core.testing import facts
from luna_transport_torrent.tracker import SESSION_NODE, Tracker


def main() -> None:
    """Serve until killed; whoever asks is a node of its own."""
    tracker = Tracker(lambda: frozenset({bytes.fromhex(sys.argv[1])}))

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return tracker(
            {**environ, SESSION_NODE: lambda key, address: replace(facts.node(), name=address)}, start_response
        )

    dispatcher = wsgi.PathInfoDispatcher({"/announce": application})  # type: ignore[no-untyped-call]
    wsgi.Server(("0.0.0.0", int(sys.argv[2])), dispatcher, numthreads=20, request_queue_size=1024).start()  # noqa: S104


if __name__ == "__main__":
    main()
