"""`luna node unknown`, `luna node adopt` and `luna node move`: who machines are, and where."""

from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.output import emit

if TYPE_CHECKING:
    from luna_core.model.boot import UnknownMachine
    from luna_core.operations import Luna

COLUMNS = ("name", "macs", "address", "serial", "first_seen", "last_seen", "seen")


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def unknown(ctx: click.Context, output: str) -> None:
    """List the machines that wait for a name, with what is known of them and what to do about each."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_unknown, output=output)


@unknown.command("list")
@output_option
@pass_luna
def list_unknown(luna: "Luna", output: str) -> None:
    """List the machines that wait for a name."""
    from luna_core.model.boot import UnknownMachine

    rows = [_row(one) for one in luna.read(lambda work: work.all(UnknownMachine))]
    if output != "table":
        emit(rows, COLUMNS, output)
        return
    seen = [{**row, "seen": [one["place"] for one in row["sightings"]]} for row in rows]
    emit(seen, COLUMNS, output, nothing="No machine waits for a name.")
    for row in rows:  # whole, for a table cuts what is long, and a command has to be copied
        click.echo(f"\n{row['name']}: {row['reason']}\n    {row['command']}")


@unknown.command()
@click.argument("machine", metavar="MAC|all", shell_complete=completer("unknown_machine"))
@pass_luna
def forget(luna: "Luna", machine: str) -> None:
    """Forget a machine, or all. One that still waits comes back when it asks again."""
    from luna_core.boot import waiting
    from luna_core.model.boot import UnknownMachine

    def operation(work: Any) -> None:
        for one in work.all(UnknownMachine) if machine == "all" else [waiting.find(work, machine)]:
            work.remove(one)

    luna.note(operation)


@click.command()
@click.argument("machine", metavar="MAC", shell_complete=completer("unknown_machine"))
@click.argument("node", required=False, shell_complete=completer("node"))
@click.option("--replace", is_flag=True, help="Take the node's MAC away, and the machine's from whoever has it.")
@click.option("--group", metavar="GROUP", shell_complete=completer("group"), help="Make a new node in this group.")
@dry_run_option
@pass_luna
def adopt(luna: "Luna", machine: str, node: str | None, replace: bool, group: str | None, dry_run: bool) -> None:
    """Say which node a machine is: it boots as that when it asks again.

    MAC is one of a machine that 'luna node unknown' lists, or of one that is another node so far.
    """
    from luna_core.boot.adopt import adopt as adopt_one
    from luna_core.boot.identify import tell_identified
    from luna_core.cli.differences import report

    def operation(work: Any) -> Any:
        return adopt_one(work, machine, node, group=group, replace=replace)

    what = f"node adopt {machine} {node or f'--group {group}'}"
    if dry_run:
        report(luna, operation, what, True)
        return
    adopted = luna.change(operation, what)
    tell_identified(luna, adopted, "said by an administrator")
    click.echo(adopted.name)


@click.command()
@click.argument("node", shell_complete=completer("node"))
@click.option("--switch", metavar="SWITCH", required=True, shell_complete=completer("switch"), help="The switch.")
@click.option("--port", metavar="PORT", required=True, help="Its port, by any of its names.")
@dry_run_option
@pass_luna
def move(luna: "Luna", node: str, switch: str, port: str, dry_run: bool) -> None:
    """Say that a node was plugged into another port; a node that was said to be there is nowhere from then on."""
    from luna_core.cli.differences import report
    from luna_core.operations.places import move as move_one

    report(luna, lambda work: move_one(work, node, switch, port), f"node move {node} {switch} {port}", dry_run)


def _row(machine: "UnknownMachine") -> dict[str, Any]:
    row = {key: value for key, value in machine.model_dump(mode="json").items() if key not in ("id", "comment")}
    return {**row, "nodes": sorted({one["node"] for one in row["sightings"] if one["node"]})}
