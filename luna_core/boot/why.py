"""Why a node is not up, found by going through what a boot needs in the order in which it needs it."""

from luna_core.boot import sessions, trace
from luna_core.boot.facts import ask_plugins, boot_facts
from luna_core.boot.scripts import kernel_arguments
from luna_core.errors import LunaError
from luna_core.model import Node
from luna_core.model.boot import UnknownMachine
from luna_core.operations import Luna


def why(luna: Luna, name: str) -> str:
    """What the node waits for, failed at or lacks, in words. Raises NotFound."""
    node = luna.read(lambda work: work.get(Node, name))
    newest = next(iter(luna.read(lambda work: sessions.boots(work, node, limit=1))), None)
    lacking = _lacking(luna, node)
    if newest is not None:
        return f"{trace.explain(newest)}{'' if newest.outcome == 'up' else lacking}"
    if lacking:
        return f"{name} has never booted, and could not:{lacking}"
    waiting = luna.read(lambda work: work.all(UnknownMachine))
    others = f" Machines without a name that asked: {', '.join(one.name for one in waiting)}." if waiting else ""
    macs = ", ".join(node.macs())
    return (
        f"{name} has all it needs to boot, but never asked: no request came from {macs}. Is it powered on, does it "
        f"boot from the network, and does DHCP run on the boot network?{others}"
    )


def _lacking(luna: Luna, node: Node) -> str:
    """What would stop the next boot, as the boot server would find it."""
    values = luna.cluster_settings()
    try:
        facts = luna.read(lambda work: boot_facts(work, values, node, luna.settings.images_directory))
        kernel_arguments("http://controller", facts, ask_plugins(luna.hooks, facts), "")
    except LunaError as error:
        return f"\n    {error}"
    return ""
