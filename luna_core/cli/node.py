"""`luna node`: the machines. Where a node name goes, a hostlist may."""

from typing import TYPE_CHECKING, Any, Literal

import click

from luna_core.cli.complete import completer, files, hostlists
from luna_core.cli.context import dry_run_option, output_option, pass_luna, read_file, read_value
from luna_core.cli.disks import disks
from luna_core.cli.explained import explain_option, show_said
from luna_core.cli.interface import interface_group
from luna_core.cli.naming import adopt, move, unknown
from luna_core.cli.objects import Kind, object_group
from luna_core.cli.output import emit
from luna_core.cli.power_column import power_option, power_states, say_power
from luna_core.cli.verbs import Verb

if TYPE_CHECKING:
    from luna_core.operations import Luna, Work

COLUMNS = ("name", "group", "macs", "addresses", "state", "image")
mac_option = click.option("--mac", metavar="MAC", help="MAC of BOOTIF, which the node boots from.")

node = object_group(Kind(name="node", columns=COLUMNS), "The machines.")
node.add_command(interface_group("node"))
node.add_command(disks)
node.add_command(unknown)
node.add_command(adopt)
node.add_command(move)


@node.command("list")
@click.argument("nodes", required=False, metavar="[HOSTLIST]", shell_complete=hostlists)
@click.option("--group", metavar="GROUP", shell_complete=completer("group"), help="Only of this group or one below it.")
@click.option("--tag", metavar="TAG", help="Only with this tag.")
@click.option("--state", metavar="STATE", help="Only in this boot state.")
@power_option
@output_option
@pass_luna
def list_nodes(
    luna: "Luna",
    nodes: str | None,
    group: str | None,
    tag: str | None,
    state: str | None,
    with_power: bool,
    output: str,
) -> None:
    """List nodes: all, or those of a hostlist such as node[001-040],!node007 or @GROUP&@tag:TAG."""
    from luna_core.operations.listing import node_rows

    sets = (("group", group), ("tag", tag), ("state", state))
    wanted = [*([nodes] if nodes else []), *(f"@{title}:{value}" for title, value in sets if value)]
    ids = _selected(luna, wanted) if wanted else None
    rows = luna.look(lambda transaction: node_rows(transaction, ids))
    if with_power:
        power = power_states(luna, [row["name"] for row in rows])
        rows = [{**row, "power": power[row["name"]]} for row in rows]
    nothing = "No node is like that." if wanted else "There are no nodes yet: luna node add NAME --group GROUP"
    emit(rows, (*COLUMNS, *["power"] * with_power), output, nothing=nothing)


def _selected(luna: "Luna", hostlists: list[str]) -> list[str]:
    from luna_core.operations.nodes import select_all

    return luna.read(lambda work: [node.id for node in select_all(work, hostlists)])


@node.command()
@click.argument("nodes", metavar="HOSTLIST", shell_complete=hostlists)
@explain_option
@click.option("--script", type=click.Choice(["boot", "install"]), help="Show the script that one node would get.")
@power_option
@output_option
@pass_luna
def show(
    luna: "Luna",
    nodes: str,
    explain: bool,
    script: Literal["boot", "install"] | None,
    with_power: bool,
    output: str,
) -> None:
    """Show nodes with everything that they inherit: one by its name, or a list of those of a hostlist."""
    if script:
        from luna_core.boot.preview import preview

        click.echo(preview(luna, nodes, script), nl=False)
        return
    from luna_core.operations.explain import explain as said
    from luna_core.operations.explain import identity_of

    name = luna.look(lambda transaction: identity_of(transaction, "node", nodes))
    ids = [name] if name else _selected(luna, [nodes])
    shown = luna.look(lambda transaction: [said(transaction, "node", one) for one in ids])
    if with_power:
        shown = say_power(luna, shown)
    show_said(shown, explain, output, one=name is not None)


def _add() -> click.Command:
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import Node

    @click.command()
    @click.argument("nodes", metavar="[HOSTLIST]", required=False)
    @click.option("--count", type=int, help="How many, named automatically, in place of a hostlist.")
    @click.option(
        "--table",
        metavar="FILE",
        shell_complete=files,
        help="CSV with a node a line, in place of a hostlist; - for standard input.",
    )
    @click.option("--ports", metavar="PORTS", help="Ports of the switch, as in 1-40 or Gi1/0/[1-40], one for each.")
    @click.option("--macs", metavar="MAC[,…]|@FILE", help="MACs of BOOTIF in the order of the nodes.")
    @mac_option
    @field_options(Node, skip=("port",))
    @dry_run_option
    @pass_luna
    def add(
        luna: "Luna", /, nodes: str | None, count: int | None, table: str | None, dry_run: bool, **params: Any
    ) -> None:
        from luna_core.cli.differences import show as show_differences
        from luna_core.hostlist import fold
        from luna_core.operations.nodes import NewNodes, add_new

        wanted = NewNodes(
            hostlist=nodes,
            count=count,
            table=read_file("table", table) if table is not None else None,
            ports=params.pop("ports"),
            macs=_macs(params.pop("macs"), params.pop("mac")),
            fields=given_fields(params),
        )
        what = f"node add {nodes or (f'--table {table}' if table else f'--count {count}')}"
        if dry_run:
            show_differences(luna.changes(lambda work: add_new(work, wanted), what, dry_run=True), "table")
        else:
            click.echo(fold(node.name for node in luna.change(lambda work: add_new(work, wanted), what)))

    return add


def _macs(many: str | None, one: str | None) -> list[str]:
    text = read_value("macs", many) if many else ""
    return [*text.replace(",", " ").split(), *([one] if one else [])]


def _change() -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import Node
    from luna_core.operations.nodes import change_nodes, select

    @click.command()
    @click.argument("nodes", metavar="HOSTLIST", shell_complete=hostlists)
    @mac_option
    @click.option("--move-mac", is_flag=True, help="Take the MAC from the node that has it.")
    @field_options(Node, unset=True)
    @dry_run_option
    @pass_luna
    def change(luna: "Luna", /, nodes: str, mac: str | None, move_mac: bool, dry_run: bool, **params: Any) -> None:
        chosen = luna.read(lambda work: select(work, nodes))
        fields = given_fields(params, chosen[0].body() if len(chosen) == 1 else None)
        report(
            luna,
            lambda work: change_nodes(work, nodes, fields, mac=mac, move_mac=move_mac),
            f"node change {nodes}",
            dry_run,
        )

    return change


def _clone() -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.hostlist import expand
    from luna_core.model import Node
    from luna_core.operations.objects import clone as clone_one

    @click.command()
    @click.argument("node", shell_complete=completer("node"))
    @click.argument("new", metavar="HOSTLIST")
    @field_options(Node, skip=("port", "serial", "asset_tag", "disk_key"))
    @dry_run_option
    @pass_luna
    def clone(luna: "Luna", /, node: str, new: str, dry_run: bool, **params: Any) -> None:
        fields = given_fields(params, luna.read(lambda work: work.get(Node, node).body()))

        def operation(work: "Work") -> None:
            for name in expand(new):
                clone_one(work, Node, node, name, fields)

        report(luna, operation, f"node clone {node} {new}", dry_run)

    return clone


@node.command()
@click.argument("nodes", metavar="HOSTLIST", shell_complete=hostlists)
@dry_run_option
@pass_luna
def delete(luna: "Luna", nodes: str, dry_run: bool) -> None:
    """Delete nodes and release their addresses."""
    from luna_core.cli.differences import report
    from luna_core.operations.nodes import delete_nodes

    report(luna, lambda work: delete_nodes(work, nodes), f"node delete {nodes}", dry_run)


node.verbs |= {
    "add": Verb("Add nodes: those of a hostlist or a table, or --count with automatic names.", _add),
    "change": Verb("Change nodes; moved to another group, they keep the addresses that they can.", _change),
    "clone": Verb("Add nodes like another one, but for the options given.", _clone),
}
