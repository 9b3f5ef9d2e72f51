"""`luna node disks`: what an installation would do with a node's disks."""

from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import output_option, pass_luna

if TYPE_CHECKING:
    from luna_core.boot.disks import DisksOfNode
    from luna_core.node.disks.steps import Item
    from luna_core.operations import Luna

COLUMNS = ("what", "name", "device", "size", "on", "format", "mount", "becomes", "wiped")


@click.command()
@click.argument("node", shell_complete=completer("node"))
@click.option("--show-key", is_flag=True, help="Show the key of its encrypted disks, and nothing else.")
@output_option
@pass_luna
def disks(luna: "Luna", node: str, show_key: bool, output: str) -> None:
    """Show what the next installation would make, keep and wipe on a node's disks.

    It is planned with what the node told of its disks when it last booted with a layout, and else by the layout alone.
    """
    from luna_core.boot.disk_key import shown_key
    from luna_core.boot.disks import disks_of
    from luna_core.cli.output import emit_one, print_table

    if show_key:
        click.echo(luna.read(lambda work: shown_key(work, node)))
        return
    found = luna.read(lambda work: disks_of(work, node))
    if output != "table":
        emit_one(_document(found), output)
        return
    told = f"{node} told of its disks at {found.seen}." if found.seen else f"{node} has not told of its disks yet."
    click.echo(f"The layout is that of {found.source}. {told}")
    if found.refused:
        click.echo(f"An installation would be refused: {found.refused}")
    print_table([_row(one) for one in found.items], COLUMNS)


def _row(item: "Item") -> dict[str, Any]:
    from luna_core.node.disks.sizes import shown

    size = shown(item.size_bytes) if item.size_bytes else ""
    facts = {"what": item.kind, "name": item.name, "device": item.device, "size": size, "on": item.on}
    return {**facts, "format": item.use.content, "mount": item.use.mount, "becomes": item.fate, "wiped": item.wiped}


def _document(found: "DisksOfNode") -> dict[str, Any]:
    items = [{**_row(one), "size_bytes": one.size_bytes or None} for one in found.items]
    return {
        "node": found.node,
        "from": found.source,
        "seen": found.seen or None,
        "refused": found.refused or None,
        "items": [{key: value for key, value in one.items() if key != "size"} for one in items],
        "commands": [{"command": " ".join(one.command), "why": one.why} for one in found.steps],
        "layout": found.layout.document(),
    }
