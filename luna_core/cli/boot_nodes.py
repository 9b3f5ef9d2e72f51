"""`luna boot HOSTLIST`: power on, watch, explain."""

import time
from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from luna_core.cli.complete import hostlists
from luna_core.cli.context import FiniteRange, dry_run_option
from luna_core.cli.power_options import Asking, bmc_command, confirm

NODES = "nodes"


class BootGroup(click.Group):
    """Words that are none of its commands are nodes to boot: `luna boot node001` is `luna boot nodes node001`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front of what isn't one."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [NODES, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and nodes."""
        argument = self.commands[NODES].params[0]
        nodes = [CompletionItem(name) for name in hostlists(ctx, argument, incomplete)]
        return [*super().shell_complete(ctx, incomplete), *nodes]


@click.command(NODES)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the nodes until they are up.")
@click.option(
    "--timeout", "timeout_s", type=FiniteRange(0), default=1800.0, show_default=True, help="How long, in seconds."
)
@click.option("--yes", is_flag=True, help="Don't ask at a terminal, however many nodes it is.")
@dry_run_option
@bmc_command
def boot_nodes(asking: Asking, wait: bool, timeout_s: float, yes: bool, dry_run: bool) -> int:
    """Boot nodes from the network, and follow them until they are up.

    'luna boot HOSTLIST' is short for this. Nodes are switched on, or off and on again. Each that doesn't come up is
    explained as by 'luna why', and makes the exit status 1. One that lacks something to boot, such as an image, isn't
    touched.
    """
    from luna_core.power.boots import boot_nodes as boot

    if dry_run:
        return asking.show(asking.planned(), "plan", lambda way: [f"boot {way}"], lambda _: "boot (dry run)")
    confirm(asking, "boot", yes=yes)
    counts = _Counts()
    limit_s = timeout_s if wait else None
    replies = boot(asking.luna, asking.bmcs, asking.pace, timeout_s=limit_s, told=counts.tell)
    return asking.show(replies, "boot", lambda value: [str(value or "boots")])


class _Counts:
    """How many nodes are in which phase: a line on standard error for each change."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told: Mapping[str, int] = {}

    def tell(self, phases: Mapping[str, int]) -> None:
        if phases == self._told:
            return
        self._told = phases
        shown = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
        click.echo(f"{time.monotonic() - self._began:7.1f} s  {shown}", err=True)
