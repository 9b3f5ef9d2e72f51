"""The controller's link held to a quarter of what its nodes take, so that most of an image has to come from peers."""

import os
from collections.abc import Mapping
from typing import Any

import click

from luna_lab.namespace import Namespace

# The first one is of a client that only begins.
_REPORTS_OF_A_NODE = 2
_LEAST_BITS_S_FOR_EACH = 1_000_000


class Quarter:
    """Measures what a node takes while nothing holds it up, and then limits the controller's link.

    The node that is ahead tells: the later the limit comes, the more it has fetched from the controller. It has a
    processor of this machine to itself then, so all nodes together take as often as much as there are processors for
    them. Everything that the controller sends from then on is limited; kernel and initramfs usually went before.
    """

    def __init__(self, namespace: Namespace, nodes: int, processors: int = os.cpu_count() or 1) -> None:
        self._namespace = namespace
        self._nodes = nodes
        self._processors = processors
        self._reports: dict[str, dict[int, int]] = {}  # by node: the rate by the bytes that it had by then
        self.rate_bits_s = 0

    def see(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of the rows of `luna boot watch`; each report of a node covers two seconds."""
        if self.rate_bits_s:
            return
        for name, row in rows.items():
            if row["rate_bytes_s"]:
                received = (row["peer_bytes"] or 0) + (row["server_bytes"] or 0)
                self._reports.setdefault(name, {})[received] = row["rate_bytes_s"]
        if any(len(reports) >= _REPORTS_OF_A_NODE for reports in self._reports.values()):
            self._limit(max(max(reports.values()) for reports in self._reports.values()) * 8)

    def _limit(self, node_bits_s: int) -> None:
        at_once = min(self._nodes, self._processors)
        needed = node_bits_s * at_once
        self.rate_bits_s = max(_LEAST_BITS_S_FOR_EACH * self._nodes, needed // 4)
        self._namespace.hold_uplink(self.rate_bits_s)
        click.echo(
            f"A node takes {node_bits_s / 1e6:.1f} Mbit/s; {self._nodes} of them on {self._processors} processors need "
            f"{needed / 1e6:.1f} Mbit/s together. From now on the controller may send a quarter of that, "
            f"{self.rate_bits_s / 1e6:.1f} Mbit/s."
        )
