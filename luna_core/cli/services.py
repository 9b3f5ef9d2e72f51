"""`luna services`: the files of DHCP, DNS and hosts that luna makes, and the units that start it."""

from typing import TYPE_CHECKING

import click

from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.output import emit

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.group()
def services() -> None:
    """Files of DHCP, DNS and hosts, which luna serve keeps up to date while it runs; and its systemd units."""


@services.command()
@dry_run_option
@pass_luna
def update(luna: "Luna", dry_run: bool) -> None:
    """Make the files of DHCP and DNS say what the cluster is.

    What changed is printed. Each daemon checks its files first; what it refuses leaves the old files in force.
    """
    from luna_core.operations.plan import current_plan
    from luna_core.services.network import network_servers
    from luna_core.services.update import update

    plan = current_plan(luna)
    changes = [
        update(one.driver, plan, one.directory, dry_run=dry_run) for one in network_servers(plan.cluster, luna.settings)
    ]
    click.echo("".join(changes), nl=False)
    if not any(changes):
        click.echo("Nothing to change.", err=True)


@services.command()
@click.argument("what", type=click.Choice(["dhcp", "dns", "hosts"]))
@output_option
@pass_luna
def show(luna: "Luna", what: str, output: str) -> None:
    """Print the files of DHCP or DNS, or a hosts file. They say what the cluster is now."""
    from luna_core.operations.plan import current_plan
    from luna_core.services.hosts import hosts_file
    from luna_core.services.network import network_servers

    plan = current_plan(luna)
    if what == "hosts":
        rows = [{"path": "hosts", "text": hosts_file(plan)}]
    else:
        rows = [
            {"path": str(one.directory / name), "text": text}
            for one in network_servers(plan.cluster, luna.settings)
            if one.kind == what
            for name, text in one.driver.render(plan, one.directory).items()
        ]
    if output != "table":
        emit(rows, (), output)
        return
    for row in rows:
        click.echo(row["text"] if what == "hosts" else f"==> {row['path']} <==\n{row['text']}\n", nl=False)


@services.command()
@click.option("--each", is_flag=True, help="One systemd unit for each part, started by luna.target.")
@click.option("--user", default="luna", show_default=True, help="User of what needs no root; made if need be.")
@dry_run_option
@pass_luna
def install(luna: "Luna", each: bool, user: str, dry_run: bool) -> None:
    """Let systemd run luna serve on this machine.

    Units are written, the user and the directories made. Nothing is started or enabled. With --each the parts are
    those of the cluster as it is now.
    """
    from luna_core.operations.plan import current_plan
    from luna_core.services import installation
    from luna_core.services.serve import part_names
    from luna_core.settings import machine_settings

    parts = part_names(luna.hooks, current_plan(luna).cluster) if each else None
    files = installation.planned(luna.settings, user=user, parts=parts)
    if dry_run:
        for path, text in files.items():
            click.echo(f"==> {path} <==\n{text}")
        return
    installation.install(files)
    for path in files:
        click.echo(path)
    if doubt := installation.doubt(machine_settings()):
        click.echo(f"luna: {doubt}", err=True)
    unit = "luna.target" if each else "luna.service"
    click.echo(f"When there is a cluster ('luna cluster init'): systemctl enable --now {unit}", err=True)
