"""Which node a MAC belongs to; and that a port which may lead to several machines names none."""

from dataclasses import replace

import pytest

from luna_discovery_switchport.places import Place, Places
from luna_discovery_switchport.snapshot import Cabling, Entry, Port, Snapshot

MAC = "52:54:00:00:00:01"


def board(name: str = "sw01", *, macs: dict[str, int], **fields: object) -> Snapshot:
    """A switch with ports swp1 to swp4, ifIndex 101 to 104 on bridge ports 1 to 4."""
    ports = tuple(Port(if_index=100 + one, bridge_ports=(one,), name=f"swp{one}") for one in range(1, 5))
    entries = tuple(Entry(mac=mac, vlan=None, bridge_port=port, if_index=100 + port) for mac, port in macs.items())
    return Snapshot(switch=name, ports=ports, entries=entries, **fields)  # type: ignore[arg-type]


def only(places: Places, mac: str = MAC) -> Place:
    (place,) = places.of(mac)
    return place


def test_the_node_of_the_port_is_the_machine_s() -> None:
    place = only(Places({"sw01": board(macs={MAC: 2})}, Cabling(nodes=(("node002", "sw01", "swp2"),))))
    assert (place.node, place.text) == ("node002", "switch sw01 port swp2")


def test_a_node_of_the_same_port_of_another_switch_is_not() -> None:
    assert only(Places({"sw01": board(macs={MAC: 2})}, Cabling(nodes=(("node002", "sw02", "swp2"),)))).node is None


@pytest.mark.parametrize(
    ("cabling", "why"),
    [
        (Cabling(uplinks={"sw01": ("2",)}), "configured as an uplink"),
        (Cabling(most_macs=1), "2 MACs are behind it"),
        (Cabling(switch_macs={"52:54:00:00:00:02": "sw09"}), "switch sw09 is behind it"),
    ],
)
def test_an_uplink_names_nobody(cabling: Cabling, why: str) -> None:
    cabling = replace(cabling, nodes=(("node002", "sw01", "swp2"),))
    place = only(Places({"sw01": board(macs={MAC: 2, "52:54:00:00:00:02": 2})}, cabling))
    assert place.node is None
    assert why in place.uplink


def test_a_port_with_a_mac_of_another_polled_switch_is_an_uplink() -> None:
    own = "52:54:00:00:00:99"
    snapshots = {
        "sw01": board(macs={MAC: 1, own: 1}),
        "sw02": board("sw02", macs={MAC: 3}, own_macs=frozenset((own,))),
    }
    nodes = (("node001", "sw01", "swp1"), ("node003", "sw02", "swp3"))
    found = {place.switch: place.node for place in Places(snapshots, Cabling(nodes=nodes)).of(MAC)}
    assert found == {"sw01": None, "sw02": "node003"}


def test_what_the_switch_says_of_a_port_counts() -> None:
    snapshot = board(macs={MAC: 2})
    leads = tuple(replace(one, leads_to="a bridge is behind it (LLDP)") for one in snapshot.ports)
    places = Places({"sw01": replace(snapshot, ports=leads)}, Cabling(nodes=(("node002", "sw01", "swp2"),)))
    assert only(places).node is None


def test_two_nodes_at_one_port_under_two_names_are_both_in_doubt() -> None:
    nodes = (("node002", "sw01", "swp2"), ("node102", "sw01", "102"))
    place = only(Places({"sw01": board(macs={MAC: 2})}, Cabling(nodes=nodes)))
    assert place.node is None
    assert place.doubt == "it is configured twice: node002 as swp2 and node102 as 102"


def test_a_number_that_means_two_ports_names_nobody_at_either() -> None:
    snapshot = board(macs={MAC: 1, "52:54:00:00:00:02": 2})
    shifted = tuple(replace(one, if_index=one.if_index - 99) for one in snapshot.ports)
    entries = tuple(replace(one, if_index=one.bridge_port + 1) for one in snapshot.entries)
    cabling = Cabling(nodes=(("node002", "sw01", "2"),))
    places = Places({"sw01": replace(snapshot, ports=shifted, entries=entries)}, cabling)
    assert [only(places, mac).node for mac in (MAC, "52:54:00:00:00:02")] == [None, None]
    sure = Places(
        {"sw01": replace(snapshot, ports=shifted, entries=entries)}, replace(cabling, port_numbers={"sw01": "bridge"})
    )
    assert [only(sure, mac).node for mac in (MAC, "52:54:00:00:00:02")] == [None, "node002"]


def test_a_bridge_port_that_is_no_port_names_nobody() -> None:
    snapshot = board(macs={})
    hole = Entry(mac=MAC, vlan=None, bridge_port=3, if_index=None)
    place = only(Places({"sw01": replace(snapshot, entries=(hole,))}, Cabling(nodes=(("node003", "sw01", "3"),))))
    assert place.node is None
    assert "bridge port 3" in place.text


def test_machines_that_are_gone_make_no_uplink() -> None:
    snapshot = board(macs={MAC: 2, "52:54:00:00:00:02": 2})
    entries = (snapshot.entries[0], replace(snapshot.entries[1], present=False))
    cabling = Cabling(nodes=(("node002", "sw01", "swp2"),), most_macs=1)
    assert only(Places({"sw01": replace(snapshot, entries=entries)}, cabling)).node == "node002"
