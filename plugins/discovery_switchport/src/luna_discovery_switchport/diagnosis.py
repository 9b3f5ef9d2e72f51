"""Asks one switch step by step and says in words what it answers: for whoever sets a switch up."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from luna_core.errors import LunaError
from luna_core.types import Switch
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.places import Board, Places
from luna_discovery_switchport.poll import read_switch
from luna_discovery_switchport.snapshot import Cabling, Snapshot


@dataclass(frozen=True)
class Step:
    """One thing that was tried, and what came of it."""

    status: Literal["ok", "warning", "failed"]
    step: str
    found: str


def diagnose(switch: Switch, cabling: Cabling) -> list[Step]:
    """Every step that could be tried; the last is the one that failed, if any did."""
    try:
        snapshot = asyncio.run(_read(switch))
    except LunaError as error:
        return [Step("failed", f"SNMP v{switch.snmp_version}", str(error))]
    address = switch.addresses[0]
    return [Step("ok", f"SNMP v{switch.snmp_version}", f"{address} answers."), *_steps(snapshot, cabling)]


async def _read(switch: Switch) -> Snapshot:
    with closing(Agent(switch)) as agent:
        return await read_switch(agent)


def _steps(snapshot: Snapshot, cabling: Cabling) -> Iterator[Step]:
    places = Places({snapshot.switch: snapshot}, cabling)
    board = places.boards[snapshot.switch]
    mapped = [one for one in snapshot.ports if one.bridge_ports]
    if mapped:
        yield Step("ok", "ports", f"{len(mapped)} bridge ports, as in {mapped[0].title}.")
    else:
        yield Step("failed", "ports", "It doesn't say which port a bridge port is (dot1dBasePortIfIndex).")
    if snapshot.tables:
        yield Step("ok", "forwarding", f"{len(snapshot.by_mac)} MACs from {' and '.join(snapshot.tables)}.")
    else:
        yield Step("failed", "forwarding", "It tells of no MAC: neither BRIDGE-MIB nor Q-BRIDGE-MIB has a row.")
    holes = {one.bridge_port for one in snapshot.entries if one.if_index is None}
    if holes:
        text = ", ".join(map(str, sorted(holes)[:10]))
        yield Step("warning", "forwarding", f"It doesn't say which port {len(holes)} bridge ports are: {text}.")
    for problem in snapshot.problems:
        yield Step("warning", "forwarding", problem)
    for port in mapped:
        if reason := places.uplink(snapshot.switch, port):
            yield Step("ok", "uplink", f"{port.title}: {reason}.")
    for text in cabling.uplinks.get(snapshot.switch, ()):
        if not board.names.find(text).ports:
            yield Step("warning", "uplink", f"It has no port {text}, which is configured as an uplink.")
    yield from _nodes(places, board)


def _nodes(places: Places, board: Board) -> Iterator[Step]:
    for node, (text, match) in board.configured.items():
        if not match.ports:
            example = next((one.title for one in board.snapshot.ports if one.bridge_ports), "")
            yield Step("failed", node, f"It has no port {text}; its ports are called like {example}.")
        elif doubt := places.doubt(board, board.nodes[match.ports[0].if_index]):
            remedy = "; luna switch change --port-numbers says what numbers mean" if len(match.ports) > 1 else ""
            yield Step("failed", node, f"{doubt}{remedy}.")
        elif uplink := places.uplink(board.snapshot.switch, match.ports[0]):
            yield Step("warning", node, f"{match.ports[0].title}, by its {match.by}, names nobody: {uplink}.")
        else:
            yield Step("ok", node, f"{text} is {match.ports[0].title}, by its {match.by}.")
