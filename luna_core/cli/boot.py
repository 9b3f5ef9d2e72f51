"""`luna boot` and `luna why`: what nodes are doing on their way from power-on to login."""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.boot_nodes import BootGroup, boot_nodes
from luna_core.cli.complete import completer, hostlists
from luna_core.cli.context import FiniteRange, output_option, pass_luna
from luna_core.cli.output import emit, emit_one

if TYPE_CHECKING:
    from luna_core.model.boot import BootSession
    from luna_core.operations import Luna

BAR = 20
FINISHED = ("up", "failed")
NEVER = "None of these nodes has booted yet."
COLUMNS = ("node", "phase", "percent", "rate", "peers", "seconds", "outcome", "detail")


@click.group(cls=BootGroup)
def boot() -> None:
    """Boot nodes, watch them, and see afterwards where the time went.

    'luna boot HOSTLIST' boots nodes now: 'luna boot nodes --help' tells more.
    """


boot.add_command(boot_nodes)


@boot.command()
@click.argument("nodes", default="@all", metavar="[HOSTLIST]", shell_complete=hostlists)
@click.option(
    "--timeout", "timeout_s", type=FiniteRange(0), default=0.0, help="Give up after so many seconds; 0: never."
)
@click.option("--once", is_flag=True, help="Show the state now and exit.")
@output_option
@pass_luna
def watch(luna: "Luna", nodes: str, timeout_s: float, once: bool, output: str) -> int:
    """Show how far nodes are until all are up. Exit status 1 if one failed or time ran out."""
    deadline = time.monotonic() + timeout_s if timeout_s else None
    screen = _Screen(live=sys.stdout.isatty() and output == "table" and not once)
    while True:
        sessions = _latest(luna, nodes)
        rows = [_row(session) for session in sessions]
        if once or output != "table":
            emit(rows, COLUMNS, output, nothing=NEVER)
        else:
            screen.show(rows)
        done = bool(sessions) and all(session.outcome in FINISHED for session in sessions)
        late = deadline is not None and time.monotonic() > deadline
        if once or done or late or output != "table":
            return 0 if all(session.outcome == "up" for session in sessions) or once or output != "table" else 1
        time.sleep(1)


@boot.command()
@click.argument("node", shell_complete=completer("node"))
@output_option
@pass_luna
def show(luna: "Luna", node: str, output: str) -> None:
    """Show NODE's newest boot: every report, and how long phases took."""
    from luna_core.boot import sessions, trace
    from luna_core.errors import BadInput
    from luna_core.model import Node

    found = luna.read(lambda work: sessions.boots(work, work.get(Node, node), limit=1))
    if not found:
        raise BadInput(f"node {node}: it has not booted yet.")
    phases = trace.phase_rows(found[0])
    body = found[0].model_dump(exclude={"id", "token_sha256", "tracker_key_sha256", "node"}, mode="json")
    if output == "table":
        emit_one({key: body[key] for key in ("name", "image", "version", "address", "opened", "outcome")}, output)
        click.echo()
        rows = [{**phase, "size": _size(phase["bytes"]), "rate": _rate(phase["rate_bytes_s"])} for phase in phases]
        emit(rows, ("phase", "start_s", "lasted_s", "size", "rate", "failed"), output)
    else:
        emit_one({**body, "phases": phases}, output)


@boot.command()
@click.argument("nodes", default="@all", metavar="[HOSTLIST]", shell_complete=hostlists)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the waterfall as a picture too.")
@output_option
@pass_luna
def report(luna: "Luna", nodes: str, svg: Path | None, output: str) -> None:
    """Show nodes' newest boots as a waterfall, and which were slow."""
    from luna_core.boot import trace
    from luna_core.boot.svg import picture

    lines = [trace.timeline(session) for session in _latest(luna, nodes)]
    if output != "table" or not lines:
        emit([{**asdict(one), "total_s": one.total_s} for one in lines], (), output, nothing=NEVER)
    else:
        click.echo("\n".join([*trace.waterfall(lines, shutil.get_terminal_size().columns), *trace.slow_phases(lines)]))
    if svg and lines:
        svg.write_text(picture(lines), encoding="utf-8")


@click.command()
@click.argument("node", shell_complete=completer("node"))
@output_option
@pass_luna
def why(luna: "Luna", node: str, output: str) -> None:
    """Say in words what NODE waits for, or what it failed at."""
    from luna_core.boot.why import why as explained

    said = explained(luna, node)
    if output == "table":
        click.echo(said)
    else:
        emit_one({"node": node, "why": said}, output)


def _latest(luna: "Luna", nodes: str) -> "list[BootSession]":
    from luna_core.boot import sessions
    from luna_core.operations.nodes import select
    from luna_core.operations.work import Work

    def operation(work: Work) -> "list[BootSession]":
        return [session for node in select(work, nodes) for session in sessions.boots(work, node, limit=1)]

    return luna.read(operation)


def _row(session: "BootSession") -> dict[str, Any]:
    from luna_core.boot.trace import progress_row

    row = progress_row(session)
    return {**row, "rate": _rate(row["rate_bytes_s"])}


def _rate(bytes_s: object) -> str | None:
    return f"{float(str(bytes_s)) / 1e6:.1f} MB/s" if bytes_s else None


def _size(size_bytes: object) -> str | None:
    return f"{float(str(size_bytes)) / 1e6:.1f} MB" if size_bytes else None


class _Screen:
    """A table that is drawn over itself on a terminal; elsewhere a line for each change."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._drawn = 0
        self._told: dict[str, tuple[object, ...]] = {}

    def show(self, rows: Sequence[dict[str, Any]]) -> None:
        if self._live:
            self._redraw(rows)
            return
        for row in rows:
            state = (row["phase"], row["outcome"])
            if self._told.get(row["node"]) != state:
                self._told[row["node"]] = state
                click.echo(
                    f"{row['seconds']:8.1f} s  {row['node']}  {' '.join(map(str, state))}  {row['detail']}".rstrip()
                )

    def _redraw(self, rows: Sequence[dict[str, Any]]) -> None:
        columns, height = shutil.get_terminal_size()
        lines = [_line(row)[: columns - 1] for row in rows][: height - 2]
        up = sum(row["outcome"] == "up" for row in rows)
        lines.append(
            f"{up} of {len(rows)} up" + (f", {len(rows) - len(lines)} not shown" if len(rows) > len(lines) else "")
        )
        click.echo(f"\x1b[{self._drawn}A\x1b[J" * bool(self._drawn) + "\n".join(lines))
        self._drawn = len(lines)


def _line(row: dict[str, Any]) -> str:
    percent = row["percent"]
    full = round(float(percent or 0) / 100 * BAR)
    bar = " " * (BAR + 8) if percent is None else f"[{'#' * full}{'.' * (BAR - full)}] {percent:3.0f} %"
    shown = row["outcome"] if row["outcome"] in ("up", "failed", "installed") else row["phase"]
    peers = f"{row['peers']} peers" if row["peers"] else ""
    return (
        f"{row['node']:12} {shown:11} {bar} {row['rate'] or '':>11} {peers:>9} {row['seconds']:7.1f} s {row['detail']}"
    )
