"""`luna lab`."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click

from luna_lab import ssh, state
from luna_lab.events import Event

_name_option = click.option("--lab", "name", metavar="NAME", help="Which lab, where there are several.")


@click.group()
def lab() -> None:
    """A virtual cluster on this machine."""


@lab.command()
@click.option("--nodes", default=1, show_default=True, help="How many machines.")
@click.option("--ram", "memory_mb", default=1024, show_default=True, metavar="MB", help="Memory of each.")
@click.option("--uefi", is_flag=True, help="Machines with UEFI, not with a BIOS.")
@click.option("--link", "link_mbit", type=int, metavar="MBIT", help="Hold every link to this rate.")
@click.option("--name", help="What to call the lab; by default this process's number.")
@click.option("-v", "--verbose", is_flag=True, help="Show everything that the machines say on their consoles.")
def up(nodes: int, memory_mb: int, uefi: bool, link_mbit: int | None, name: str | None, verbose: bool) -> None:
    """Make a lab and hold it until Ctrl-C or 'luna lab down'."""
    from luna_lab.lab import Lab

    def show(event: Event) -> None:
        if verbose or event.text.startswith(("luna:", "the machine")):
            click.echo(f"{event.at_s:7.1f} {event.source} {event.text}")

    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    options = {"nodes": nodes, "name": name, "memory_mb": memory_mb, "uefi": uefi, "link_mbit": link_mbit}
    with Lab(**options, listener=show) as made:  # type: ignore[arg-type]  # each as its parameter says
        click.echo(f"lab {made.name}: 'ip netns exec {made.namespace.name} COMMAND' runs a command on its controller")
        for machine in made.machines:
            machine.start()
        ended.wait()


@lab.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All labs on this machine.")
def down(name: str | None, every: bool) -> None:
    """Remove a lab, whatever became of the command that made it."""
    for one in state.labs() if every else [state.find(name)]:
        state.remove(one)
        click.echo(f"lab {one.name} is removed")


@lab.command()
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print it.")
def status(output: str) -> None:
    """Show the labs on this machine."""
    from luna_core.cli.output import emit

    rows = [
        {
            "name": one.name,
            "held_by": one.pid if one.held else None,
            "namespace": one.namespace.name,
            "nodes": dict(one.nodes),
            "directory": str(one.directory),
        }
        for one in state.labs()
    ]
    emit(rows, ("name", "held_by", "namespace", "nodes"), output)


@lab.command("ssh", context_settings={"ignore_unknown_options": True})
@_name_option
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def log_in(name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Log in to a node as root, or run COMMAND there."""
    from luna_core.errors import NotFound

    one = state.find(name)
    if node not in one.nodes:
        raise NotFound("node of the lab", node, [])
    sys.stdout.flush()
    words = one.namespace.command(*ssh.command(Path(one.directory), one.nodes[node]), *command)
    os.execvp("ip", [str(word) for word in words])  # noqa: S606 - ssh is to have the terminal to itself
