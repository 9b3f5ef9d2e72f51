"""The controller's link held to a quarter of what its nodes take, so that most of an image has to come from peers."""

from collections.abc import Mapping
from typing import Any

import click

from luna_lab.namespace import Namespace

_LEAST_REPORTS = 3
_LEAST_BITS_S = 1_000_000


class Quarter:
    """Measures what nodes take while nothing but each other holds them up, and then limits the controller's link.

    Nodes share this machine's processors, so the newest report of each counts; whoever is ahead isn't left to fetch
    everything before the last one begins. Everything that the controller sends from then on is limited; kernel and
    initramfs usually went before.
    """

    def __init__(self, namespace: Namespace, nodes: int) -> None:
        self._namespace = namespace
        self._nodes = nodes
        self._reports: set[tuple[str, int]] = set()
        self._newest: dict[str, int] = {}
        self.rate_bits_s = 0

    def see(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of the rows of `luna boot watch`; each report of a node covers two seconds."""
        if self.rate_bits_s:
            return
        for name, row in rows.items():
            if row["rate_bytes_s"]:
                self._reports.add((name, (row["peer_bytes"] or 0) + (row["server_bytes"] or 0)))
                self._newest[name] = row["rate_bytes_s"]
        if len(self._reports) >= max(_LEAST_REPORTS, self._nodes):
            self._limit(sum(self._newest.values()) // len(self._newest) * 8)

    def _limit(self, node_bits_s: int) -> None:
        needed = node_bits_s * self._nodes
        self.rate_bits_s = max(_LEAST_BITS_S, needed // 4)
        self._namespace.hold_uplink(self.rate_bits_s)
        click.echo(
            f"A node takes {node_bits_s / 1e6:.1f} Mbit/s, so {self._nodes} need {needed / 1e6:.1f} Mbit/s together. "
            f"From now on the controller may send a quarter of that, {self.rate_bits_s / 1e6:.1f} Mbit/s."
        )
