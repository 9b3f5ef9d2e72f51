"""The demonstration's judgement of where bytes came from; test_cluster.py has real ones."""

from typing import Any

import pytest

from luna_core.errors import LunaError
from luna_lab.demo import Shares, check
from luna_lab.quarter import Quarter


class Link:
    def __init__(self) -> None:
        self.held_to: list[int] = []

    def hold_uplink(self, rate_bits_s: int) -> None:
        self.held_to.append(rate_bits_s)


def report(rate_bytes_s: int | None, received: int) -> dict[str, Any]:
    return {"rate_bytes_s": rate_bytes_s, "peer_bytes": received, "server_bytes": None}


def test_the_link_is_held_once_to_a_quarter_of_what_all_nodes_take_by_the_second_report_of_one() -> None:
    link = Link()
    quarter = Quarter(link, 4, processors=2)  # type: ignore[arg-type]
    quarter.see({"node001": report(None, 0), "node002": report(1_000_000, 2_000_000)})
    quarter.see({"node001": report(500_000, 1_000_000), "node002": report(1_000_000, 2_000_000)})
    assert link.held_to == [], "the report of node002 was seen twice"
    quarter.see({"node002": report(3_000_000, 8_000_000)})
    quarter.see({"node002": report(9_000_000, 9_500_000)})
    assert link.held_to == [3_000_000 * 8 * 2 // 4], "two of four nodes have a processor at a time"


def test_the_link_stays_fit_for_use_where_nodes_are_slow() -> None:
    link = Link()
    quarter = Quarter(link, 2, processors=8)  # type: ignore[arg-type]
    quarter.see({"node001": report(1, 1)})
    quarter.see({"node001": report(1, 2)})
    assert link.held_to == [2_000_000]


def test_a_demonstration_fails_unless_most_came_from_other_nodes_if_there_are_enough() -> None:
    with pytest.raises(LunaError, match="Only 50%"):
        check(Shares(peer_bytes=50, server_bytes=50), 4)
    check(Shares(peer_bytes=51, server_bytes=49), 4)
    check(Shares(peer_bytes=45, server_bytes=55), 2)
