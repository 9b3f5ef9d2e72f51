"""`luna osimage grab`: a machine that was configured by hand becomes an image."""

from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import output_option, pass_luna, with_options
from luna_core.cli.osimage_transfer import (
    account_of,
    agreed,
    asking_options,
    copy_options,
    described,
    login_options,
    wishes_of,
)
from luna_core.cli.output import emit_one
from luna_core.cli.progress import Progress
from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.operations.transfer.grab import Grab
    from luna_core.operations.transfer.targets import Target

_KERNELS = ("/proc", "/sys", "/dev", "/run")


def make_grab() -> click.Command:
    """The command, whose options are also those of a new osimage."""
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import OsImage

    @click.command()
    @click.argument("node", shell_complete=completer("node"))
    @click.argument("name", metavar="IMAGE", shell_complete=completer("osimage"))
    @click.option("--host", is_flag=True, help="NODE is the name or address of any machine, not of a node.")
    @click.option("--delete/--no-delete", default=True, show_default=True, help="Delete what the machine has not.")
    @with_options([*login_options, *copy_options, *asking_options])
    @field_options(OsImage)
    @output_option
    @pass_luna
    def grab(luna: "Luna", /, node: str, name: str, host: bool, **params: Any) -> None:
        """Fetch a running machine into an image's tree by rsync over ssh, and make the image if it is new.

        What would change is shown first. What belongs to one machine, and what is mounted from elsewhere, stays away.
        Until everything is there the tree stays as it was; if it is interrupted, the next try goes on from there.
        """
        from luna_core.image.pack import untold
        from luna_core.operations.transfer.grab import grab as looked_at

        account, wishes = account_of(params), wishes_of(params)
        asking = {key: params.pop(key) for key in ("dry_run", "yes")}
        verbose, output = params.pop("verbose"), params.pop("output")
        target = _target(luna, node, params.pop("known_hosts"), host=host)
        fields = {key: value for key, value in given_fields(params).items() if value is not None}
        with looked_at(luna, target, name, fields, account, wishes) as seen:
            if output == "table":
                _show(seen, target.name, verbose=verbose)
            done = bool(seen.changes.all) and agreed(f"Grab {target.name} into {name}?", **asking)
            if done:
                with Progress() as progress:
                    seen.carry_out(progress if output == "table" else untold)
        if output != "table":
            emit_one(_fields(seen, target.name, done=done, verbose=verbose), output)
        elif done:
            click.echo(f"The tree of osimage {name} is in {seen.image.path}. Next: luna osimage pack {name}")

    return grab


def _target(luna: "Luna", node: str, known_hosts: Any, *, host: bool) -> "Target":
    from luna_core.operations.transfer import targets

    if host:
        return targets.machine(node, known_hosts)
    found = targets.nodes(luna, node, known_hosts)
    if len(found) != 1:
        raise BadInput(f"NODE: {node!r} was given, which is {len(found)} nodes; accepted is one.")
    return found[0]


def _show(seen: "Grab", machine: str, *, verbose: bool) -> None:
    from luna_core.operations.transfer.login import printable

    name = seen.image.name
    if not seen.changes.all:
        click.echo(f"The tree of osimage {name} has everything as {machine} has it.")
        return
    click.echo(f"{'A new' if seen.is_new else 'The'} tree of osimage {name} would get from {machine}:")
    alone = "\n".join(
        printable(f"{one.place} ({one.kind})") for one in seen.foreign if not one.place.startswith(_KERNELS)
    )
    emit_one(described(seen.changes, verbose=verbose) | ({"left alone": alone} if alone else {}), "table")


def _fields(seen: "Grab", machine: str, *, done: bool, verbose: bool) -> dict[str, Any]:
    return {
        "osimage": seen.image.name,
        "source": machine,
        "is_new": seen.is_new,
        "done": done,
        **seen.changes.fields(),
        "directories": seen.changes.directories(),
        "largest": seen.changes.largest(),
        "left_alone": {one.place: one.kind for one in seen.foreign},
        **({"names": [str(one) for one in seen.changes.all]} if verbose else {}),
    }
