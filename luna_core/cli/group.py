"""`luna group`: nodes that are alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from luna_core.cli.context import output_option, pass_luna
from luna_core.cli.explained import explain_option, show_said
from luna_core.cli.interface import interface_group
from luna_core.cli.objects import Kind, name_argument, object_group

if TYPE_CHECKING:
    from luna_core.operations import Luna


def _brief(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "interfaces": list(row["interfaces"])}


group = object_group(
    Kind(
        name="group",
        columns=("name", "parent", "osimage", "bmcsetup", "interfaces", "tags", "comment"),
        brief=_brief,
    ),
    "Nodes that are alike.",
)
group.add_command(interface_group("group"))


@group.command()
@name_argument("group")
@explain_option
@output_option
@pass_luna
def show(luna: "Luna", name: str, explain: bool, output: str) -> None:
    """Show what the nodes of a group get from it, its parents and the cluster."""
    from luna_core.model import Group
    from luna_core.operations.explain import explain as said

    identity = luna.read(lambda work: work.get(Group, name).id)
    show_said([luna.look(lambda transaction: said(transaction, "group", identity))], explain, output, one=True)
