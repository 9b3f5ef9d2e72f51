"""The controller's link held to a quarter of what its nodes need, so that most of an image has to come from peers."""

from collections.abc import Mapping
from typing import Any

import click

from luna_lab.namespace import Namespace

# What an emulated node takes in and unpacks while nothing but its processor holds it up: four on two cores took
# 8 to 16 Mbit/s over a whole image. Its first seconds, in which it only receives, are faster and say nothing.
NODE_BITS_S = 10_000_000
_INSTALLING = ("prescript", "setupbmc", "partscript", "download", "unpack")


class Quarter:
    """Limits the controller's link as soon as one node installs; kernel and initramfs usually went before."""

    def __init__(self, namespace: Namespace, nodes: int) -> None:
        self._namespace = namespace
        self._nodes = nodes
        self.rate_bits_s = 0

    def see(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of the rows of `luna boot watch`."""
        if not self.rate_bits_s and any(row["phase"] in _INSTALLING for row in rows.values()):
            self._limit()

    def _limit(self) -> None:
        needed = NODE_BITS_S * self._nodes
        self.rate_bits_s = needed // 4
        self._namespace.hold_uplink(self.rate_bits_s)
        click.echo(
            f"{self._nodes} emulated nodes need about {needed / 1e6:.0f} Mbit/s together. From now on the controller "
            f"may send a quarter of that, {self.rate_bits_s / 1e6:.1f} Mbit/s."
        )
