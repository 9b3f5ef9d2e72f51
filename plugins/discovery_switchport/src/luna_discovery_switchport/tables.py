"""The columns of the MIBs that tell where a MAC is, and what their rows mean."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from luna_discovery_switchport.ber import Oid, Value

# BRIDGE-MIB (RFC 4188)
BASE_ADDRESS: Final = (1, 3, 6, 1, 2, 1, 17, 1, 1, 0)
BASE_PORT_IF_INDEX: Final = (1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2)
STP_ROOT_PORT: Final = (1, 3, 6, 1, 2, 1, 17, 2, 7, 0)
FDB_PORT: Final = (1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2)
FDB_STATUS: Final = (1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 3)
# Q-BRIDGE-MIB (RFC 4363)
Q_FDB_PORT: Final = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2)
Q_FDB_STATUS: Final = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 3)
Q_VLAN_FDB_ID: Final = (1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3)
# IF-MIB (RFC 2863)
IF_DESCRIPTION: Final = (1, 3, 6, 1, 2, 1, 2, 2, 1, 2)
IF_TYPE: Final = (1, 3, 6, 1, 2, 1, 2, 2, 1, 3)
IF_ADDRESS: Final = (1, 3, 6, 1, 2, 1, 2, 2, 1, 6)
IF_NAME: Final = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1)
IF_ALIAS: Final = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18)
# IEEE8023-LAG-MIB, LLDP-MIB (IEEE 802.1AB), CISCO-CDP-MIB, CISCO-VTP-MIB
LAG_OF_PORT: Final = (1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13)
LLDP_LOCAL_PORT: Final = (1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 3)
LLDP_CAPABILITIES: Final = (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 12)
CDP_CAPABILITIES: Final = (1, 3, 6, 1, 4, 1, 9, 9, 23, 1, 2, 1, 1, 9)
VTP_VLAN_STATE: Final = (1, 3, 6, 1, 4, 1, 9, 9, 46, 1, 3, 1, 1, 2)

# ifType (IANAifType-MIB): ethernetCsmacd, iso88023Csmacd, fastEther, fastEtherFX, gigabitEthernet.
ETHERNET: Final = frozenset((6, 7, 62, 69, 117))
LAG_TYPE: Final = 161
_STATUS_INVALID, _STATUS_SELF = 2, 4
_LLDP_BRIDGE = 0x20
_CDP_BRIDGE_OR_SWITCH = 0x02 | 0x08
_CISCO_INTERNAL_VLANS = range(1002, 1006)
VLANS: Final = range(1, 4095)
_VLAN_OPERATIONAL = 1


class Learned(NamedTuple):
    """A row of a forwarding table: the filter database that Q-BRIDGE-MIB has it in, if any, MAC and bridge port."""

    database: int | None
    mac: str
    bridge_port: int


def learned(ports: Mapping[Oid, Value]) -> Iterable[Learned]:
    """The rows of either forwarding table that name a port; port 0 means that the switch doesn't know it."""
    for index, port in ports.items():
        mac = mac_of(index[-6:])
        if mac and isinstance(port, int) and port > 0:
            yield Learned(index[0] if len(index) == 7 else None, mac, port)


def not_machines(statuses: Mapping[Oid, Value]) -> frozenset[str]:
    """The MACs that are the switch's own (status self) or no longer valid."""
    found = (mac_of(index[-6:]) for index, status in statuses.items() if status in (_STATUS_SELF, _STATUS_INVALID))
    return frozenset(mac for mac in found if mac)


def mac_of(octets: Iterable[int]) -> str | None:
    """A MAC with colons; None for what is none of one machine: another length, a group address, all zeros."""
    values = tuple(octets)
    if len(values) != 6 or max(values) > 255 or values[0] & 1 or not any(values):
        return None
    return ":".join(f"{one:02x}" for one in values)


def vlan_of_databases(rows: Mapping[Oid, Value]) -> dict[int | None, int | None]:
    """The VLAN of each filter database; None for one that several VLANs share."""
    vlans: dict[int | None, int | None] = {}
    for index, database in rows.items():
        if isinstance(database, int) and index:
            vlans[database] = None if database in vlans else index[-1]
    return vlans


def texts(rows: Mapping[Oid, Value]) -> dict[int, str]:
    """Texts by ifIndex, without what can't be printed."""
    decoded = {index[-1]: value.decode("utf-8", "replace") for index, value in rows.items() if isinstance(value, bytes)}
    return {index: "".join(one for one in text if one.isprintable()).strip() for index, text in decoded.items()}


def numbers(rows: Mapping[Oid, Value]) -> dict[int, int]:
    """Whole numbers by the last part of their index."""
    return {index[-1]: value for index, value in rows.items() if isinstance(value, int) and index}


def lldp_bridges(rows: Mapping[Oid, Value]) -> set[int]:
    """The local port numbers behind which LLDP sees a bridge; the index is time, local port, neighbour."""
    return {index[1] for index, value in rows.items() if len(index) == 3 and _has(value, _LLDP_BRIDGE)}


def cdp_bridges(rows: Mapping[Oid, Value]) -> set[int]:
    """The ifIndexes behind which CDP sees a bridge or switch."""
    found = ((index, value) for index, value in rows.items() if isinstance(value, bytes) and len(value) == 4)
    return {index[0] for index, value in found if value[-1] & _CDP_BRIDGE_OR_SWITCH}


def vlans_in_use(rows: Mapping[Oid, Value]) -> list[int]:
    """The VLANs that a Cisco switch runs; empty for all others."""
    states = numbers(rows)
    return [vlan for vlan in sorted(states) if states[vlan] == _VLAN_OPERATIONAL and vlan not in _CISCO_INTERNAL_VLANS]


def _has(value: Value, bit: int) -> bool:
    return isinstance(value, bytes) and len(value) > 0 and bool(value[0] & bit)
