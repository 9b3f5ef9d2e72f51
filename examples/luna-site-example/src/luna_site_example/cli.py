"""The command `luna inventory`."""

import click

from luna_core.cli.context import output_option
from luna_core.cli.output import emit
from luna_site_example.inventory import Machine, read


@click.command()
@output_option
def inventory(output: str) -> None:
    """List the machines in /etc/luna/inventory.csv."""
    emit([machine._asdict() for machine in read()], Machine._fields, output)
