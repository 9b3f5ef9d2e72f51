"""`luna lab storm`."""

import functools
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click

from luna_core.cli.context import FiniteRange

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

_COUNT = click.IntRange(1)
# tc counts what it lets wait, a second's bytes, in 32 bits.
_MOST_MBIT = 30_000
_RATE = FiniteRange(0, _MOST_MBIT)


def _rate(name: str, whose: str, default: float) -> Decorator:
    return click.option(
        name, type=_RATE, default=default, show_default=True, metavar="MBIT", help=f"{whose}; 0: as fast as it is."
    )


# Who takes part in a storm, and by which links.
_CLUSTER: tuple[Decorator, ...] = (
    click.option("--nodes", type=_COUNT, default=512, show_default=True, help="How many nodes."),
    _rate("--mbit", "Rate of every node's link", 2.0),
    _rate("--controller-mbit", "Rate of the controller's link", 20.0),
    click.option(
        "--transport",
        type=click.Choice(["torrent", "http"]),
        default="torrent",
        show_default=True,
        help="How nodes fetch the image.",
    ),
    click.option(
        "--racks",
        type=click.IntRange(0),
        default=0,
        metavar="NUMBER",
        help="Racks with a switch each; one switch for all if 0.",
    ),
    click.option(
        "--uplink",
        "uplink_mbit",
        type=FiniteRange(0, _MOST_MBIT, min_open=True),
        metavar="MBIT",
        help="Rate of every rack's uplink.",
    ),
    click.option("--relays", is_flag=True, help="Let nodes hand kernel and initramfs on."),
    click.option(
        "--wave", type=click.IntRange(0), help="How many nodes load these from the controller at once; 0: all."
    ),
    click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A further setting of the cluster."),
    *(
        click.option(
            f"--{what}-kb", type=_COUNT, default=size, show_default=True, metavar="KB", help=f"Size of the {what}."
        )
        for what, size in (("image", 4000), ("kernel", 100), ("initramfs", 250))
    ),
)
# How long it may take, and how it is told.
_RUN: tuple[Decorator, ...] = (
    click.option(
        "--timeout",
        "timeout_s",
        type=FiniteRange(0, 86_400, min_open=True),
        default=3600.0,
        show_default=True,
        help="Give up after so many seconds.",
    ),
    click.option("--name", help="What to call the lab; by default storm- and this process's number."),
    click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw it as curves too."),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="How to print it.",
    ),
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    return functools.reduce(lambda function, option: option(function), reversed((*_CLUSTER, *_RUN)), command)


@click.command()
@_options
def storm(
    svg: Path | None,
    output: str,
    image_kb: int,
    kernel_kb: int,
    initramfs_kb: int,
    given: tuple[str, ...],
    **options: Any,
) -> None:
    """Let hundreds of nodes boot and install at once, and time them.

    Each has a network and a link of its own, and says all that a machine says, from DHCP to its last report; but no
    machine is emulated, and what it fetches is dropped. DHCP, boot server, files, tracker and seeder are the real ones.
    It fails if a node doesn't finish.
    """
    import json

    from luna_core.errors import LunaError
    from luna_core.testing.image import Sizes
    from luna_lab import storm_report
    from luna_lab.storm import Storm, StormPlan

    sizes = Sizes(image_bytes=image_kb * 1000, kernel_bytes=kernel_kb * 1000, initramfs_bytes=initramfs_kb * 1000)
    if bad := [word for word in given if "=" not in word]:
        raise click.BadParameter(f"{bad[0]!r} was given; accepted is NAME=VALUE.", param_hint="--set")
    if options["uplink_mbit"] and not options["racks"]:
        raise click.BadParameter("it was given without racks; accepted is with --racks.", param_hint="--uplink")
    if svg and not svg.parent.is_dir():
        raise click.BadParameter(
            f"{svg} was given; accepted is a file in a directory that is there.", param_hint="--svg"
        )
    settings = dict(word.partition("=")[::2] for word in given)
    plan = StormPlan(sizes=sizes, settings=settings, **options)
    _end_on_signals()
    with Storm(plan, lambda text: click.echo(text, err=True)) as made:
        result = made.run()
    if output == "json":
        click.echo(json.dumps(storm_report.data(plan, result), indent=1))
    else:
        for line in storm_report.table(plan, result):
            click.echo(line)
    if svg:
        svg.write_text(storm_report.picture(plan, result))
    if result.failed:
        number, reason = min(result.failed.items())
        raise LunaError(f"{len(result.failed)} nodes did not finish; the first is node{number:04}: {reason}")


def _end_on_signals() -> None:
    """As by Ctrl-C, so that everything is removed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
