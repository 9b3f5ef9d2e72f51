"""The demonstration: machines boot from the network, fetch the image from each other, and answer on ssh."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from luna_core.errors import LunaError
from luna_lab.controller import Controller
from luna_lab.lab import Lab
from luna_lab.machine import Machine
from luna_lab.quarter import Quarter

Rows = Mapping[str, Mapping[str, Any]]
# Each time is a luna process, which the machine has to share with its nodes.
POLL_S = 4.0
PROOF = "hostname; cat /etc/machine-id; systemctl is-system-running --wait || systemctl --failed --plain --no-legend"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a node says of itself over ssh."""

    name: str
    machine_id: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How many bytes of the image all nodes together got from each other and from the controller."""

    peer_bytes: int
    server_bytes: int

    @property
    def from_peers(self) -> float:
        """Between 0 and 1."""
        return self.peer_bytes / max(1, self.peer_bytes + self.server_bytes)


def boot_all(
    controller: Controller,
    machines: Sequence[Machine],
    timeout_s: float,
    seen: Callable[[Rows], object] = lambda rows: None,
) -> None:
    """Power the machines on and return when all of them are up. Raises LunaError that says why one is not.

    Their BMCs do it if the controller has a rack. `seen` is given what is known of them about every second.
    """
    names = [machine.name for machine in machines]
    if controller.rack:
        click.echo(controller.luna("boot", ",".join(names), "--no-wait", "--yes").rstrip())
    else:
        for machine in machines:
            machine.start()
    watch(controller, names, timeout_s, seen)


def watch(
    controller: Controller, names: Sequence[str], timeout_s: float, seen: Callable[[Rows], object] = lambda rows: None
) -> None:
    """Show how far each node is until all are up. Raises LunaError with `luna why` of those that are not."""
    until_s = time.monotonic() + timeout_s
    told: dict[str, str] = {}
    while time.monotonic() < until_s:
        rows = boots(controller, names)
        seen(rows)
        for name, row in rows.items():
            state = f"{row['phase']} {row['outcome']}"
            if told.get(name) != state:
                told[name] = state
                click.echo(f"{row['seconds']:8.1f} s  {name}  {state}  {row['detail'] or ''}".rstrip())
        if all(rows.get(name, {}).get("outcome") == "up" for name in names):
            return
        time.sleep(POLL_S)
    late = [name for name in names if rows.get(name, {}).get("outcome") != "up"]
    raise LunaError("\n".join(controller.luna("why", name).strip() for name in late))


def boots(controller: Controller, names: Sequence[str]) -> Rows:
    """The rows of `luna boot watch --once` by node."""
    said = json.loads(controller.luna("boot", "watch", ",".join(names), "--once", "--output", "json"))
    return {row["node"]: row for row in said}


def prove(lab: Lab, machine: Machine) -> Proof:
    """Log in to a node and let it say who it is. Raises LunaError if it isn't itself, or a unit of it failed."""
    name, machine_id, *state = lab.on_node(machine, PROOF).strip().splitlines()
    proof = Proof(name=name, machine_id=machine_id, state=" ".join(state))
    if proof.name != machine.name:
        raise LunaError(f"{machine.name} answers ssh, but calls itself {proof.name}.")
    if proof.state != "running":
        raise LunaError(f"{machine.name} is up, but systemd says {proof.state}.")
    return proof


def shares(controller: Controller, names: Sequence[str]) -> Shares:
    """Where the image's bytes came from, as the nodes themselves reported it."""
    rows = boots(controller, names).values()
    return Shares(
        peer_bytes=sum(row["peer_bytes"] or 0 for row in rows),
        server_bytes=sum(row["server_bytes"] or 0 for row in rows),
    )


def demonstrate(
    lab: Lab, controller: Controller, timeout_s: float, *, quarter: bool = False, picture: Path | None = None
) -> None:
    """Boot all machines of a lab, prove ssh on each, and print the waterfall and where the bytes came from.

    With `quarter` most must come from other nodes. Raises LunaError for what isn't as it should be.
    """
    names = [machine.name for machine in lab.machines]
    squeeze = Quarter(lab.namespace, len(names))
    boot_all(controller, lab.machines, timeout_s, *([squeeze.see] if quarter else []))
    proofs = [prove(lab, machine) for machine in lab.machines]
    if len({proof.machine_id for proof in proofs}) != len(proofs):
        raise LunaError("Two nodes have the same machine-id.")
    for proof in proofs:
        click.echo(f"{proof.name} answers ssh; machine-id {proof.machine_id}; systemd: {proof.state}")
    click.echo(controller.luna("boot", "report", *(["--svg", str(picture)] if picture else [])).rstrip())
    result = shares(controller, names)
    click.echo(
        f"Of {(result.peer_bytes + result.server_bytes) / 1e6:.0f} MB that the nodes fetched, "
        f"{result.from_peers:.0%} came from other nodes and {result.server_bytes / 1e6:.0f} MB from the controller."
    )
    if quarter:
        check(result, len(names))


def check(result: Shares, nodes: int) -> None:
    """Raise LunaError unless most came from other nodes; of what two nodes need the controller must send half."""
    if nodes > 2 and result.from_peers <= 0.5:
        raise LunaError(f"Only {result.from_peers:.0%} of the image's bytes came from other nodes.")
