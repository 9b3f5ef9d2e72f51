"""What a node makes of its own BMC while it is installed. The password is no part of it: the node asks for that."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from luna_core import types
from luna_core.errors import BadInput
from luna_core.model import BmcSetup, Node
from luna_core.operations.inherit import Lineage
from luna_core.operations.work import Work

SHORT_PASSWORD, LONGEST_PASSWORD = 16, 20  # IPMI 2.0, section 22.30


@dataclass(frozen=True, kw_only=True)
class BmcPlan:
    """The BMC as it is to be: its user, and its IPv4 address where it has one, as texts that need no quoting."""

    user: str
    user_id: int
    lan_channel: int
    management_channel: int
    unmanaged_users: str
    address: str = ""
    netmask: str = ""
    gateway: str = ""
    vlan: int | None = None


def bmc_plan(work: Work, stored: Node, lineage: Lineage, node: types.Node) -> BmcPlan | None:
    """The plan for a node; None if it has no bmcsetup that sets BMCs up, with a password."""
    setup = _setup(work, stored, lineage)
    if setup is None or not setup.setup or setup.password is None:
        return None
    return BmcPlan(
        user=setup.user,
        user_id=setup.user_id,
        lan_channel=setup.lan_channel,
        management_channel=setup.management_channel,
        unmanaged_users=setup.unmanaged_users,
        **_address(node),
    )


def bmc_password(work: Work, stored: Node, lineage: Lineage) -> str:
    """The password that the node gives its BMC, as the 16 or 20 bytes that IPMI takes: `0x73 0x33 …`.

    Raises BadInput if the node has none to give, or one too long for IPMI.
    """
    setup = _setup(work, stored, lineage)
    if setup is None or not setup.setup or setup.password is None:
        raise BadInput(f"node {stored.name}: it has no BMC to set up.")
    password = work.keyring.decrypt(setup.password).encode()
    if len(password) > LONGEST_PASSWORD:
        accepted = f"accepted by IPMI is one of at most {LONGEST_PASSWORD} bytes"
        raise BadInput(f"bmcsetup {setup.name}: password: a longer one was given; {accepted}.")
    size = SHORT_PASSWORD if len(password) <= SHORT_PASSWORD else LONGEST_PASSWORD
    return " ".join(f"0x{byte:02x}" for byte in password.ljust(size, b"\0"))


def _setup(work: Work, stored: Node, lineage: Lineage) -> BmcSetup | None:
    chosen = lineage.say("bmcsetup", stored).value
    return work.by_id(BmcSetup, chosen) if chosen else None


def _address(node: types.Node) -> dict[str, Any]:
    """Of IPv4 only: IPv6 of BMCs is set in too many ways."""
    for interface in (one for one in node.interfaces if one.type == "bmc"):
        for one in interface.addresses:
            if isinstance(one.address.ip, IPv4Address):
                return {
                    "address": str(one.address.ip),
                    "netmask": str(one.address.netmask),
                    "gateway": str(one.gateway or ""),
                    "vlan": interface.vlan or one.network.vlan,
                }
    return {}
