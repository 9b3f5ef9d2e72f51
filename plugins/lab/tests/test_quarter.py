"""The demonstration's judgement of where bytes came from; test_cluster.py has real ones."""

import pytest

from luna_core.errors import LunaError
from luna_lab.demo import Shares, check
from luna_lab.quarter import NODE_BITS_S, Quarter


class Link:
    def __init__(self) -> None:
        self.held_to: list[int] = []

    def hold_uplink(self, rate_bits_s: int) -> None:
        self.held_to.append(rate_bits_s)


def test_the_link_is_held_once_as_soon_as_a_node_installs() -> None:
    link = Link()
    quarter = Quarter(link, 4)  # type: ignore[arg-type]
    quarter.see({"node001": {"phase": "kernel"}, "node002": {"phase": "kernel"}})
    assert link.held_to == []
    for _ in range(2):
        quarter.see({"node001": {"phase": "kernel"}, "node002": {"phase": "partscript"}})
    assert link.held_to == [NODE_BITS_S * 4 // 4]


def test_a_demonstration_fails_unless_most_came_from_other_nodes_if_there_are_enough() -> None:
    with pytest.raises(LunaError, match="Only 50%"):
        check(Shares(peer_bytes=50, server_bytes=50), 4)
    check(Shares(peer_bytes=51, server_bytes=49), 4)
    check(Shares(peer_bytes=45, server_bytes=55), 2)
