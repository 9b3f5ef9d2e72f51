"""`luna lab storm`."""

import functools
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What storms, and how it is told."""
    options = [
        click.option("--nodes", default=512, show_default=True, help="How many nodes."),
        click.option("--mbit", default=2.0, show_default=True, metavar="MBIT", help="Rate of every node's link."),
        click.option(
            "--controller-mbit", default=20.0, show_default=True, metavar="MBIT", help="Rate of the controller's link."
        ),
        click.option(
            "--transport",
            type=click.Choice(["torrent", "http"]),
            default="torrent",
            show_default=True,
            help="How nodes fetch the image.",
        ),
        click.option("--racks", default=0, metavar="NUMBER", help="Racks with a switch each; one switch for all if 0."),
        click.option("--uplink", "uplink_mbit", type=float, metavar="MBIT", help="Rate of every rack's uplink."),
        click.option("--relays", is_flag=True, help="Let nodes hand kernel and initramfs on."),
        click.option("--wave", type=int, help="How many nodes load these from the controller at once; 0: all."),
        click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A further setting of the cluster."),
        click.option("--image-kb", default=4000, show_default=True, metavar="KB", help="Size of the image."),
        click.option("--kernel-kb", default=100, show_default=True, metavar="KB", help="Size of the kernel."),
        click.option("--initramfs-kb", default=250, show_default=True, metavar="KB", help="Size of the initramfs."),
        click.option(
            "--timeout", "timeout_s", default=3600.0, show_default=True, help="Give up after so many seconds."
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
    ]
    return functools.reduce(lambda function, option: option(function), reversed(options), command)


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
