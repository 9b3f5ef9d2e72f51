"""Why a node is not up, found by going through what a boot needs in the order in which it needs it."""

import socket
from pathlib import Path

from luna_core.boot import sessions
from luna_core.boot.explain import explain
from luna_core.boot.facts import ask_plugins, boot_facts
from luna_core.boot.notices import oddities
from luna_core.boot.scripts import kernel_arguments
from luna_core.errors import LunaError
from luna_core.model import Cluster, Node
from luna_core.model.boot import BootSession, UnknownMachine
from luna_core.model.power import PowerRecord
from luna_core.operations import Luna
from luna_core.tls import certificates, doubt
from luna_core.types import PowerAction

# luna-network.sh tells by it what is odd about the node's network.
NETWORK_PHASE = "network"
UDP_TABLES = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
DHCP_PORTS = {4: 67, 6: 547}
MOST_SHOWN = 10
TIMEOUT_S = 2.0


def why(luna: Luna, name: str) -> str:
    """What the node waits for, failed at or lacks, in words. Raises NotFound."""
    node = luna.read(lambda work: work.get(Node, name))
    newest = next(iter(luna.read(lambda work: sessions.boots(work, node, limit=1))), None)
    lacking = _lacking(luna, node)
    odd = luna.read(lambda work: oddities(work, node, newest))
    switched = _switched(luna, node, newest)
    if newest is not None:
        network = [one.log.strip() for one in newest.events if one.phase == NETWORK_PHASE and one.log]
        return "\n    ".join([explain(newest), *switched, *_around(luna, newest, lacking), *network, *odd])
    others = [*switched, *(odd or _waiting(luna))]
    if lacking:
        return "\n    ".join([f"{name} has never booted, and could not:", *lacking, *others])
    macs = ", ".join(node.macs())
    asked = (
        f"{name} has all it needs to boot, but never asked: no request came from {macs}. Is it powered on, does it "
        f"boot from the network, and is its card in the boot network?"
    )
    return "\n    ".join([asked, *_deaf(luna), *others])


def _around(luna: Luna, newest: BootSession, lacking: list[str]) -> list[str]:
    return [] if newest.outcome == "up" else [*_deaf(luna), *lacking]


def _switched(luna: Luna, node: Node, newest: BootSession | None) -> list[str]:
    """What was done with its power since it last began to boot, if that is why it isn't up."""
    kept = next(iter(luna.read(lambda work: work.many(PowerRecord, [node.id]))), None)
    if kept is None:
        return []
    since = newest.opened if newest else ""
    found = []
    if kept.action in (PowerAction.OFF, PowerAction.SOFT) and kept.time > since:
        reason = f", because: {kept.why}" if kept.why else ""
        found.append(f"It was switched off through luna ({kept.action}) at {kept.time} by {kept.who}{reason}.")
    if kept.failed and kept.failed.time > since and (newest is None or newest.outcome != "up"):
        found.append(str(kept.failed))
    return found


def _lacking(luna: Luna, node: Node) -> list[str]:
    """What would stop the next boot, as the boot server would find it."""
    values = luna.cluster_settings()
    try:
        facts = luna.read(lambda work: boot_facts(work, values, node, luna.settings.images_directory))
        kernel_arguments("http://controller", facts, ask_plugins(luna.hooks, facts), "")
    except LunaError as error:
        return [str(error)]
    return []


def _deaf(luna: Luna) -> list[str]:
    """What of the controller's own would have to hear a node, and does not."""
    values = luna.cluster_settings()
    missing = []
    addresses = luna.read(lambda work: [one for cluster in work.all(Cluster) for one in cluster.frontend_addresses])
    # With IPv6 alone there is nothing to answer by DHCPv4.
    asked = min((DHCP_PORTS[one.version] for one in addresses), default=DHCP_PORTS[4])
    if values["dhcp.server"] != "none" and not _listens(asked):
        missing.append("No DHCP server runs on this machine; 'luna serve' runs one.")
    port = int(str(values["http.port"]))
    for address in addresses:
        try:
            socket.create_connection((str(address), port), TIMEOUT_S).close()
        except OSError as error:
            reason = error.strerror or error
            missing.append(
                f"The boot server does not answer at {address} port {port}: {reason}. Does 'luna serve' run?"
            )
    if values["https.port"] and (reason := doubt(certificates(luna.settings))):
        missing.append(reason)
    return missing


def _listens(port: int) -> bool:
    """Whether anything on this machine has the UDP port, as in proc(5)."""
    tables = [path.read_text() for path in UDP_TABLES if path.exists()]
    return any(f":{port:04X} " in line for table in tables for line in table.splitlines()[1:])


def _waiting(luna: Luna) -> list[str]:
    """Machines without a name, one of which may be this node."""
    found = luna.read(lambda work: work.all(UnknownMachine))
    newest = sorted(found, key=lambda one: one.last_seen, reverse=True)[:MOST_SHOWN]
    return [f"A machine without a name asks: {one.name}. {one.reason}" for one in newest]
