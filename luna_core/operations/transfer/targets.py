"""Which machines are logged in to, where they are, and by which host keys they are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from luna_core import types
from luna_core.boot.sessions import boots
from luna_core.errors import BadInput, CommandFailed
from luna_core.model import Node
from luna_core.model.boot import HostKeys
from luna_core.operations import Luna
from luna_core.operations.nodes import select_all
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work
from luna_core.run import run

_BOOT_INTERFACE = "BOOTIF"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A machine with sshd: `host_keys` are a type and a key in base64 each. `node` is None for one that luna has not.

    Where something is missing, `problem` is a sentence.
    """

    name: str
    address: str = ""
    host_keys: tuple[str, ...] = ()
    node: types.Node | None = None
    problem: str = ""


def nodes(luna: Luna, hostlist: str, known_hosts: Path | None) -> list[Target]:
    """The nodes of a hostlist; `known_hosts` is a file as of sshd(8) that counts more than what they told themselves.

    Raises BadInput, NotFound.
    """
    values = luna.cluster_settings()

    def operation(work: Work) -> list[Target]:
        resolver = Resolver(work, values)
        return [_of_node(work, resolver, node, known_hosts) for node in select_all(work, [hostlist])]

    return luna.read(operation)


def machine(address: str, known_hosts: Path | None) -> Target:
    """A machine that is no node, by a name or an address. Raises BadInput if its host keys are not in the file."""
    keys = _listed(known_hosts, [address])
    if not keys:
        raise BadInput(
            f"--host: the host keys of {address} are not known; --known-hosts names a file that has them. "
            f"'ssh-keyscan {address}' asks for them: compare what it says with what the machine's console says."
        )
    return Target(name=address, address=address, host_keys=keys)


def _of_node(work: Work, resolver: Resolver, stored: Node, known_hosts: Path | None) -> Target:
    facts = resolver.node(stored)
    name, address = stored.name, _address(work, stored, facts)
    if not address:
        return Target(name=name, problem=f"node {name}: it has no address yet; it gets one when it boots.")
    told = tuple(key for one in work.many(HostKeys, [stored.id]) for key in one.keys)
    keys = _listed(known_hosts, [name, address]) or told
    missing = (
        f"node {name}: its ssh host keys are not known: it tells them when it is installed, so boot it once more, or "
        "name a file that has them with --known-hosts."
    )
    return Target(name=name, address=address, host_keys=keys, node=facts, problem="" if keys else missing)


def _address(work: Work, stored: Node, facts: types.Node) -> str:
    interface = facts.interface(_BOOT_INTERFACE)
    if interface and interface.addresses and not interface.dhcp:
        return str(interface.addresses[0].address.ip)
    return next((one.address for one in boots(work, stored, limit=1)), "")


def _listed(known_hosts: Path | None, names: Sequence[str]) -> tuple[str, ...]:
    """The keys of the first of these names that the file has; names in it may be hashed."""
    if known_hosts is None:
        return ()
    for name in names:
        try:
            said = run(["ssh-keygen", "-F", name, "-f", known_hosts])
        except CommandFailed:
            continue
        lines = [line.split() for line in said.splitlines() if line and not line.startswith(("#", "@"))]
        if keys := tuple(f"{words[1]} {words[2]}" for words in lines if len(words) > 2):
            return keys
    return ()
