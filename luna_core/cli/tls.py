"""`luna tls`: certificates, so that nodes talk to the boot server by HTTPS."""

from typing import TYPE_CHECKING

import click

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.output import emit_one

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.group()
def tls() -> None:
    """Certificates with which nodes know their boot server; docs/how-to/tls.md says how to go over to HTTPS."""


@tls.command()
@click.option("--name", "names", multiple=True, metavar="NAME", help="Another name of the boot server. Repeatable.")
@click.option("--days", type=click.IntRange(1, 7300), default=825, show_default=True, help="How long it is valid.")
@pass_luna
def init(luna: "Luna", names: tuple[str, ...], days: int) -> None:
    """Make a certificate for the boot server.

    The cluster's own authority, which is made if need be, signs it. It is for the controller's addresses as they are
    now. Run it again when they change, and before it expires.
    """
    from luna_core.operations.inherit import the_cluster
    from luna_core.tls import certificates, certify

    where = certificates(luna.settings)
    certify(where, luna.read(the_cluster).frontend_addresses, names, days)
    click.echo(where.server)
    click.echo("Pack the images, so that nodes know the authority; then set https.port; restart lweb.", err=True)


@tls.command()
@output_option
@pass_luna
def show(luna: "Luna", output: str) -> None:
    """Show the boot server's certificate."""
    from luna_core.tls import certificates, described

    emit_one(described(certificates(luna.settings)), output)
