"""`luna lab`."""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from luna_lab import ssh, state
from luna_lab.events import Event
from luna_lab.storm_command import storm

if TYPE_CHECKING:
    from luna_lab.controller import Controller
    from luna_lab.lab import Lab
    from luna_lab.rack import Rack


def _complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [one.name for one in state.labs() if one.name.startswith(incomplete)]


def _complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    labs = [one for one in state.labs() if ctx.params.get("name") in (None, one.name)]
    return [node for one in labs for node in one.nodes if node.startswith(incomplete)]


_name_option = click.option(
    "--lab", "name", metavar="NAME", shell_complete=_complete_labs, help="Which lab, where there are several."
)


@click.group()
def lab() -> None:
    """A virtual cluster on this machine."""


lab.add_command(storm)


def _machine_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a lab is made of."""
    options = [
        click.option("--nodes", default=1, show_default=True, help="How many machines."),
        click.option("--ram", "memory_mb", default=1024, show_default=True, metavar="MB", help="Memory of each."),
        click.option("--uefi", is_flag=True, help="Machines with UEFI, not with a BIOS."),
        click.option("--uefi-http", is_flag=True, help="Machines with a UEFI that boots by HTTP, not by TFTP."),
        click.option("--ipv6-only", is_flag=True, help="No IPv4 in the boot network; machines with UEFI."),
        click.option(
            "--disk", "disks_mb", type=int, multiple=True, metavar="MB", help="A disk in each. May be repeated."
        ),
        click.option("--link", "link_mbit", type=int, metavar="MBIT", help="Hold every link to this rate."),
        click.option(
            "--uplink", "uplink_mbit", type=int, metavar="MBIT", help="Hold the controller's link to this rate."
        ),
        click.option(
            "--transport",
            type=click.Choice(["torrent", "http"]),
            default="torrent",
            show_default=True,
            help="How nodes fetch the image; torrent falls back to http by itself.",
        ),
        click.option("--in-band", is_flag=True, help="Nodes see their BMCs, and set them up; needs a larger image."),
        click.option("--name", help="What to call the lab; by default this process's number."),
    ]
    return functools.reduce(lambda function, option: option(function), reversed(options), command)


@lab.command()
@_machine_options
@click.option(
    "--bmc",
    type=click.Choice(["ipmi", "redfish"]),
    default="ipmi",
    show_default=True,
    help="What the controller powers nodes with; their BMCs answer both.",
)
@click.option("--bare", is_flag=True, help="Without a controller: machines that find nobody to boot from.")
@click.option("-v", "--verbose", is_flag=True, help="Show everything that the machines say on their consoles.")
def up(bmc: str, bare: bool, verbose: bool, transport: str, **options: Any) -> None:
    """Make a lab, and hold it until Ctrl-C or 'luna lab down'.

    It has a controller, a switch and machines that are off. The controller knows no machine's MAC: 'luna boot' powers
    nodes on by their BMCs, and their switch ports name them. With --bare there are machines only, and they are on.
    """
    from luna_lab.lab import Lab
    from luna_lab.rack import Rack

    def show(event: Event) -> None:
        if verbose or event.text.startswith(("luna:", "the machine", "its BMC")):
            click.echo(f"{event.at_s:7.1f} {event.source} {event.text}")

    with _until_signal() as ended, Lab(**options, listener=show) as made:
        click.echo(f"lab {made.name}: 'ip netns exec {made.namespace.name} COMMAND' runs a command on its controller")
        if bare:
            for machine in made.machines:
                machine.start()
            ended.wait()
            return
        with Rack(made, bmc) as rack:
            controller = _controller(made, rack, transport)
            controller.serve()
            words = [f"{name}={value}" for name, value in controller.environment.items()]
            luna = " ".join(map(str, made.namespace.command("env", *words, "luna")))
            click.echo(f"Its nodes are off. This boots them: {luna} boot {','.join(rack.names)}")
            ended.wait()


@lab.command()
@_machine_options
@click.option("--timeout", "timeout_s", default=1800.0, show_default=True, help="Give up after so many seconds.")
@click.option("--quarter", is_flag=True, help="Hold the controller to a quarter of what the nodes take together.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the waterfall as a picture too.")
@click.option("--power-off", is_flag=True, help="Begin with machines that are off and whose MACs nobody knows.")
def demo(transport: str, timeout_s: float, quarter: bool, svg: Path | None, power_off: bool, **options: Any) -> None:
    """Boot a virtual cluster from nothing, and show how it went.

    It proves ssh on every node, shows where time and bytes went, and cleans up. With --power-off BMCs power its
    machines on, and the ports of a switch name them.

    With --quarter it fails unless more than half of the image's bytes came from other nodes, if there are three nodes.
    """
    from luna_lab.demo import demonstrate
    from luna_lab.lab import Lab
    from luna_lab.rack import Rack

    with Lab(**options) as made, Rack(made) if power_off else nullcontext() as rack:
        click.echo(f"lab {made.name}: preparing the image; the first time that takes some minutes")
        controller = _controller(made, rack, transport)
        controller.serve()
        demonstrate(made, controller, timeout_s, quarter=quarter, picture=svg)


def _controller(made: "Lab", rack: "Rack | None", transport: str) -> "Controller":
    from luna_lab.controller import Controller

    return Controller(made, rack, disabled_plugins=["torrent"] if transport == "http" else [])


@contextmanager
def _until_signal() -> Iterator[threading.Event]:
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    yield ended


@lab.command()
@click.argument("name", required=False, shell_complete=_complete_labs)
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
            "bmc": one.bmc_driver,
            "directory": str(one.directory),
        }
        for one in state.labs()
    ]
    emit(rows, ("name", "held_by", "namespace", "nodes", "bmc"), output)


@lab.command("ssh", context_settings={"ignore_unknown_options": True})
@_name_option
@click.argument("node", shell_complete=_complete_nodes)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def log_in(name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Log in to a node as root, or run COMMAND there."""
    from luna_core.errors import NotFound

    one = state.find(name)
    if node not in one.nodes:
        raise NotFound(f"node of lab {one.name}", node, one.nodes, lists="luna lab status")
    sys.stdout.flush()
    words = one.namespace.command(*ssh.command(Path(one.directory), one.nodes[node]), *command)
    os.execvp("ip", [str(word) for word in words])  # noqa: S606 - ssh is to have the terminal to itself
