"""`luna osimage push`: a change of an image's tree reaches nodes that run."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer, hostlists
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
from luna_core.cli.output import emit, emit_one
from luna_core.cli.progress import Progress
from luna_core.errors import LunaError

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.operations.transfer.changes import Changes
    from luna_core.operations.transfer.push import Outcome


@click.command()
@click.argument("name", metavar="IMAGE", shell_complete=completer("osimage"))
@click.argument("nodes", metavar="HOSTLIST", shell_complete=hostlists)
@click.option("--delete", is_flag=True, help="Delete on the nodes what the image has not; private files stay.")
@click.option("--wave", type=click.IntRange(1), default=16, show_default=True, help="How many nodes at once.")
@click.option(
    "--max-failures", type=click.IntRange(0), default=0, show_default=True, help="Begin no wave after more than these."
)
@with_options([*login_options, *copy_options, *asking_options])
@output_option
@pass_luna
def push(luna: "Luna", /, name: str, nodes: str, **params: Any) -> int:
    """Copy an image's tree over running nodes by rsync over ssh, in waves.

    What would change is shown first, nodes alike together. It holds until a node boots again: pack the image as well.
    Exit status 1 if a node failed or was not begun.
    """
    from luna_core.operations.transfer import targets
    from luna_core.operations.transfer.push import Waves
    from luna_core.operations.transfer.push import push as ready

    account, wishes = account_of(params), wishes_of(params)
    waves = Waves(size=params["wave"], most_failures=params["max_failures"])
    is_table = params["output"] == "table"
    found = targets.nodes(luna, nodes, params["known_hosts"])
    with ready(luna, name, found, account, wishes, waves) as pushing:
        if is_table:
            click.echo(f"Looking at {len(found)} nodes …", err=True)
        seen = list(pushing.look(found))
        if is_table:
            _show(seen, verbose=params["verbose"])
        would = [one.node for one in seen if one.changes and one.changes.all]
        # Where too many have failed by now, nothing is begun, and there is nothing to ask.
        may = sum(bool(one.error) for one in seen) <= waves.most_failures
        asking = {key: params[key] for key in ("dry_run", "yes")}
        going = bool(would) and may and agreed(f"Push {name} to {len(would)} nodes?", **asking)
        sent = _sent(pushing.carry_out(seen, found), would, aloud=is_table) if going else []
    became = {one.node: one for one in (*seen, *sent)}
    left = [] if params["dry_run"] else [one for one in would if one not in {each.node for each in sent}]
    if is_table:
        _end(luna, name, left, went=going)
    else:
        emit([_row(one, left, dry_run=params["dry_run"]) for one in became.values()], (), params["output"])
    return 1 if left or any(one.error for one in became.values()) else 0


def _sent(outcomes: "Iterator[Outcome]", would: Sequence[str], *, aloud: bool) -> "list[Outcome]":
    """What became of the nodes, told as it comes; raises LunaError that names those that an interruption left."""
    from luna_core.cli.main import INTERRUPTED
    from luna_core.hostlist import fold

    sent: list[Outcome] = []
    try:
        for one in outcomes:
            sent.append(one)
            if aloud:
                state = "not done" if one.error else "done"
                click.echo(f"{one.node}: {state} ({len(sent)} of {len(would)})", err=bool(one.error))
                if one.error:
                    click.echo(one.error, err=True)
    except KeyboardInterrupt:
        left = [one for one in would if one not in {each.node for each in sent if not each.error}]
        error = LunaError(f"interrupted; {fold(left)}: not done, or in part. The next push goes on from there.")
        error.exit_status = INTERRUPTED
        raise error from None
    return sent


def _show(seen: "Sequence[Outcome]", *, verbose: bool) -> None:
    """Nodes alike together."""
    from luna_core.hostlist import fold

    alike: dict[Changes, list[str]] = {}
    for one in seen:
        if one.changes is not None:
            alike.setdefault(one.changes, []).append(one.node)
    for changes, names in alike.items():
        if changes.all:
            click.echo(f"{fold(names)} would get:")
            emit_one(described(changes, verbose=verbose), "table")
        else:
            click.echo(f"{fold(names)}: as the image has it already")
    for text in _sentences(seen):
        click.echo(text, err=True)


def _sentences(outcomes: "Iterable[Outcome]") -> list[str]:
    return [one.error if one.node in one.error else f"{one.node}: {one.error}" for one in outcomes if one.error]


def _end(luna: "Luna", name: str, left: Sequence[str], *, went: bool) -> None:
    from luna_core.hostlist import fold
    from luna_core.operations.transfer.push import packed_as

    if left:
        click.echo(f"{fold(left)}: not begun, since too many failed (--max-failures)", err=True)
    if not went:
        return
    with Progress() as progress:
        version = packed_as(luna, name, progress)
    if version:
        click.echo(f"The tree is as version {version} of osimage {name}, which nodes boot.")
    else:
        click.echo(f"No version has what was pushed, so a boot undoes it. Next: luna osimage pack {name}")


def _row(one: "Outcome", left: Sequence[str], *, dry_run: bool) -> dict[str, Any]:
    changes = one.changes.fields() if one.changes else {}
    done = not (one.error or one.node in left or dry_run)
    return {"node": one.node, "done": done, **changes, "error": one.error or None}
