"""`luna serve`: runs every part of the controller, or tells how they are."""

from typing import TYPE_CHECKING

import click

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit

if TYPE_CHECKING:
    from luna_core.operations import Luna

COLUMNS = ("name", "state", "pid", "restarts", "since", "last_exit")


@click.command()
@click.option("--status", is_flag=True, help="Show the services of the luna serve that runs, and start nothing.")
@click.option("--only", metavar="PART", help="Run this part alone: dhcp, dns, lweb or a plugin's service.")
@output_option
@pass_luna
def serve(luna: "Luna", status: bool, only: str | None, output: str) -> None:
    """Run DHCP, DNS and the plugins' services in the foreground until SIGTERM or Ctrl-C.

    A change of the cluster is taken up within seconds, SIGHUP does so at once. The log goes to standard error.
    """
    if status:
        _show_status(luna, output)
        return
    import asyncio

    from luna_core.operations.history import last_number
    from luna_core.operations.plan import current_plan
    from luna_core.services.serve import Server

    server = Server(
        luna.settings,
        luna.hooks,
        plan=lambda: current_plan(luna),
        newest=lambda: luna.read(lambda work: last_number(work.transaction)),
        only=only,
    )
    asyncio.run(server.run())


def _show_status(luna: "Luna", output: str) -> None:
    from luna_core.services.status import read_status

    status = read_status(luna.settings)
    for problem in status["problems"]:
        click.echo(f"luna: {problem}", err=True)
    emit(status["services"], COLUMNS, output, nothing="luna serve runs, but nothing is to be served.")
