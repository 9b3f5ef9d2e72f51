"""`luna services`: the files of DHCP, DNS and hosts that luna makes."""

from typing import TYPE_CHECKING

import click

from luna_core.cli.context import dry_run_option, pass_luna

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.group()
def services() -> None:
    """Files of DHCP, DNS and hosts. While luna serve runs, it keeps them up to date by itself."""


@services.command()
@dry_run_option
@pass_luna
def update(luna: "Luna", dry_run: bool) -> None:
    """Make the files of DHCP and DNS say what the cluster is, and print what changed.

    Each daemon checks its files first; what it refuses leaves the old files in force.
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
@pass_luna
def show(luna: "Luna", what: str) -> None:
    """Print the files of DHCP or DNS, or a hosts file, as the cluster is now."""
    from luna_core.operations.plan import current_plan
    from luna_core.services.hosts import hosts_file
    from luna_core.services.network import network_servers

    plan = current_plan(luna)
    if what == "hosts":
        click.echo(hosts_file(plan), nl=False)
        return
    for one in network_servers(plan.cluster, luna.settings):
        if one.kind == what:
            for name, text in one.driver.render(plan, one.directory).items():
                click.echo(f"==> {one.directory / name} <==\n{text}")
