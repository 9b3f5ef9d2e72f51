"""`luna osimage chroot`, and `lchroot`, which is the same under the name that administrators of luna 1 know."""

import sys
from typing import TYPE_CHECKING

import click

from luna_core.cli.context import pass_luna
from luna_core.cli.objects import name_argument

if TYPE_CHECKING:
    from luna_core.operations import Luna


@click.command()
@name_argument("osimage")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND]...")
@click.option("--read-only", is_flag=True, help="Change nothing, and wait for nobody: several can be in at once.")
@click.option(
    "--bind", "binds", multiple=True, metavar="SRC:DST", help="Show a path of the controller in the tree, at DST."
)
@pass_luna
def chroot(luna: "Luna", name: str, command: tuple[str, ...], read_only: bool, binds: tuple[str, ...]) -> None:
    """Work inside an image's tree: a shell, or a command whose exit status becomes luna's.

    'luna osimage chroot compute -- apt-get install -y vim', and 'luna osimage pack compute' makes a version of it.
    """
    from luna_core.operations.images.chroot import enter

    click.get_current_context().exit(enter(luna, name, command, read_only=read_only, binds=binds))


def main() -> None:
    """Run `luna osimage chroot` with this command line and exit as it does."""
    from luna_core.cli.main import run

    sys.exit(run(["osimage", "chroot", *sys.argv[1:]]))
