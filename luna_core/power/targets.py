"""Where the BMCs of nodes are, and how to log in to them."""

from dataclasses import dataclass

from luna_core.errors import BadInput, LunaError
from luna_core.model import BmcSetup, Group, Node
from luna_core.operations.inherit import Lineage, Lineages
from luna_core.operations.work import Work
from luna_core.types import BmcTarget, IPAddress

INTERFACE = "BMC"
LARGEST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Bmc:
    """A node's BMC with its driver's name; `target` is None where something is missing, and `problem` says what."""

    node: str
    node_id: str
    driver: str = ""
    target: BmcTarget | None = None
    problem: str = ""


class Finder:
    """Finds BMCs, each group and password looked at once in a transaction."""

    def __init__(self, work: Work, timeout_s: float) -> None:
        self._work = work
        self._timeout_s = timeout_s
        self._lineages = Lineages(work)
        self._plain: dict[str, str] = {}

    def find(self, node: Node) -> Bmc:
        """The BMC of a node; what is missing is a sentence in it, for the other nodes are to go on."""
        try:
            return self._found(node, self._lineages.of(node.group))
        except LunaError as error:
            return Bmc(node=node.name, node_id=node.id, problem=str(error))

    def _found(self, node: Node, lineage: Lineage) -> Bmc:
        chosen = lineage.say("bmcsetup", node).value
        if chosen is None:
            group = lineage.groups[0].name
            remedy = f"'luna group change {group} --bmcsetup NAME' gives it one"
            raise BadInput(f"node {node.name}: bmcsetup: none is chosen; {remedy}.")
        setup = self._work.by_id(BmcSetup, chosen)
        target = BmcTarget(
            node=node.name,
            address=address_of(node, lineage),
            username=setup.user,
            password=self._password(setup),
            port=_port(setup),
            timeout_s=self._timeout_s,
            options={**setup.options, **{name: self._decrypted(one) for name, one in setup.secret_options.items()}},
        )
        return Bmc(node=node.name, node_id=node.id, driver=setup.driver, target=target)

    def _password(self, setup: BmcSetup) -> str:
        if setup.password is None:
            remedy = f"'luna bmcsetup change {setup.name} --password ask' sets it"
            raise BadInput(f"bmcsetup {setup.name}: password: it has none; {remedy}.")
        return self._decrypted(setup.password)

    def _decrypted(self, secret: str) -> str:
        if secret not in self._plain:
            self._plain[secret] = self._work.keyring.decrypt(secret)
        return self._plain[secret]


def address_of(node: Node, lineage: Lineage) -> IPAddress:
    """The address of the node's BMC; raises BadInput that says how to give it one."""
    interfaces = [name for name, spec in lineage.interfaces(node).items() if spec.type == "bmc"]
    addresses = [one for one in node.addresses if one.interface in interfaces]
    if addresses:
        return min(addresses, key=lambda one: one.interface != INTERFACE).address
    if interfaces:
        raise BadInput(f"node {node.name}: interface {interfaces[0]} has no address; give it a network.")
    if other := lineage.interfaces(node).get(INTERFACE):
        owners: tuple[Node | Group, ...] = (node, *lineage.groups)
        owner = next(one for one in owners if (spec := one.interfaces.get(INTERFACE)) and spec.type)
        remedy = f"'luna {owner.kind} interface change {owner.name} {INTERFACE} --type bmc' makes it a BMC's"
        raise BadInput(f"node {node.name}: interface {INTERFACE} is of type {other.type}; {remedy}.")
    remedy = f"'luna group interface add {lineage.groups[0].name} {INTERFACE} --network NETWORK' gives it one"
    raise BadInput(f"node {node.name}: it has no interface {INTERFACE}; {remedy}.")


def _port(setup: BmcSetup) -> int | None:
    given = setup.options.get("port")
    if given is None:
        return None
    if not given.isdecimal() or not 0 < int(given) <= LARGEST_PORT:
        accepted = f"a port from 1 to {LARGEST_PORT}"
        raise BadInput(f"bmcsetup {setup.name}: options.port: {given!r} was given; accepted is {accepted}.")
    return int(given)
