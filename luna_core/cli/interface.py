"""`luna group interface` and `luna node interface`: where a node name goes, a hostlist may."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli import complete
from luna_core.cli.context import Option, dry_run_option, output_option, pass_luna, with_options
from luna_core.cli.output import emit
from luna_core.cli.parse import ADDRESS
from luna_core.cli.verbs import Verb, Verbs

if TYPE_CHECKING:
    from luna_core.operations import Luna, Work
    from luna_core.types import IPAddress

COLUMNS = (
    *("interface", "type", "mac", "networks", "addresses", "dhcp", "mtu", "vlan", "parent", "members"),
    *("bond_mode", "infiniband_mode"),
)
NODE_OPTIONS = (
    click.option(
        "--address",
        multiple=True,
        type=ADDRESS,
        help="Address in one of its networks, in place of the chosen one. Repeatable.",
    ),
    click.option("--mac", metavar="MAC", help="MAC of the interface; an empty one takes it away."),
    click.option("--move-mac", is_flag=True, help="Take the MAC from the node that has it."),
)


def interface_group(kind: str) -> Verbs:
    """The verbs about interfaces of groups or nodes."""
    return Verbs(
        "interface",
        help=f"Interfaces of a {kind}.",
        verbs={
            "list": Verb(f"List the interfaces of a {kind}, inherited ones too.", partial(_list, kind)),
            "add": Verb(f"Add an interface to a {kind}.", partial(_set, kind, new=True)),
            "change": Verb(f"Change an interface of a {kind}.", partial(_set, kind, new=False)),
            "rename": Verb("Give an interface another name; it keeps its addresses.", partial(_rename, kind)),
            "remove": Verb("Take an interface away and release its addresses.", partial(_remove, kind)),
        },
    )


def _owner(kind: str) -> Option:
    names = complete.hostlists if kind == "node" else complete.completer(kind)
    return click.argument("owner", metavar=kind.upper(), shell_complete=names)


_interface = click.argument("interface", shell_complete=complete.interfaces)


def _names(work: "Work", kind: str, owner: str) -> list[str]:
    if kind == "group":
        return [owner]
    from luna_core.operations.nodes import select

    return [node.name for node in select(work, owner)]


def _list(kind: str) -> click.Command:
    @click.command()
    @_owner(kind)
    @output_option
    @pass_luna
    def list_interfaces(luna: "Luna", owner: str, output: str) -> None:
        from luna_core.model import KINDS
        from luna_core.operations.explain import interface_rows

        def rows_of(work: "Work") -> list[dict[str, Any]]:
            ids = [work.get(KINDS[kind], name).id for name in _names(work, kind, owner)]
            return [row for one in ids for row in interface_rows(work.transaction, kind, one)]

        rows = luna.read(rows_of)
        several = (kind,) if len({row[kind] for row in rows}) > 1 else ()
        shown = [column for column in COLUMNS if any(row.get(column) for row in rows) or column == "networks"]
        nothing = f"{kind} {owner} has no interfaces yet: luna {kind} interface add {owner} BOOTIF --network NETWORK"
        emit(rows, (*several, *shown), output, nothing=nothing)

    return list_interfaces


def _set(kind: str, *, new: bool) -> click.Command:
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import InterfaceSpec

    @click.command()
    @_owner(kind)
    @_interface
    @with_options(NODE_OPTIONS if kind == "node" else ())
    @field_options(InterfaceSpec, unset=not new)
    @dry_run_option
    @pass_luna
    def set_interface(luna: "Luna", /, owner: str, interface: str, dry_run: bool, **params: Any) -> None:
        from luna_core.cli.differences import report

        extra = {name: params.pop(name) for name in ("address", "mac", "move_mac") if name in params}
        fields = given_fields(params)

        def operation(work: "Work") -> None:
            if kind == "group":
                _set_groups(work, owner, interface, fields, new)
            else:
                _set_nodes(work, owner, interface, fields, new, **extra)

        report(luna, operation, f"{kind} interface {'add' if new else 'change'} {owner} {interface}", dry_run)

    return set_interface


def _set_groups(work: "Work", owner: str, interface: str, fields: dict[str, Any], new: bool) -> None:
    from luna_core.model import Group
    from luna_core.operations.interfaces import set_interface

    set_interface(work, Group, owner, interface, fields, new=new)


def _set_nodes(
    work: "Work",
    owner: str,
    interface: str,
    fields: dict[str, Any],
    new: bool,
    *,
    address: "Sequence[IPAddress]",
    mac: str | None,
    move_mac: bool,
) -> None:
    from luna_core.operations.nodes import set_interfaces

    set_interfaces(work, owner, interface, fields, new=new, addresses=address, mac=mac, move_mac=move_mac)


def _rename(kind: str) -> click.Command:
    @click.command()
    @_owner(kind)
    @_interface
    @click.argument("new")
    @dry_run_option
    @pass_luna
    def rename(luna: "Luna", owner: str, interface: str, new: str, dry_run: bool) -> None:
        from luna_core.operations.interfaces import rename_interface

        _each(
            luna, kind, owner, f"rename {owner} {interface} {new}", dry_run, partial(rename_interface), interface, new
        )

    return rename


def _remove(kind: str) -> click.Command:
    @click.command()
    @_owner(kind)
    @_interface
    @dry_run_option
    @pass_luna
    def remove(luna: "Luna", owner: str, interface: str, dry_run: bool) -> None:
        from luna_core.operations.interfaces import remove_interface

        _each(luna, kind, owner, f"remove {owner} {interface}", dry_run, remove_interface, interface)

    return remove


def _each(
    luna: "Luna", kind: str, owner: str, what: str, dry_run: bool, operation: Callable[..., object], *arguments: str
) -> None:
    """Run an operation of luna_core.operations.interfaces on a group or on each of the nodes."""
    from luna_core.cli.differences import report
    from luna_core.model import KINDS

    def on_all(work: "Work") -> None:
        for name in _names(work, kind, owner):
            operation(work, KINDS[kind], name, *arguments)

    report(luna, on_all, f"{kind} interface {what}", dry_run)
