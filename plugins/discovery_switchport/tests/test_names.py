"""Every form of a port's name that vendors print means the same port, and a number never two."""

import pytest

from luna_discovery_switchport.names import PortNames
from luna_discovery_switchport.snapshot import Port


@pytest.mark.parametrize(
    ("printed", "given"),
    [
        ("Gi1/0/1", "GigabitEthernet1/0/1"),
        ("GigabitEthernet1/0/1", "gi1/0/1"),
        ("GigabitEthernet1/0/1", "GE1/0/1"),
        ("Te1/1/3", "TenGigabitEthernet1/1/3"),
        ("Ten-GigabitEthernet1/1/3", "XGE1/1/3"),
        ("XGigabitEthernet0/0/1", "Te0/0/1"),
        ("Twe1/0/5", "TwentyFiveGigE1/0/5"),
        ("Fo1/0/1", "FortyGigabitEthernet1/0/1"),
        ("Hu1/0/1", "HundredGigE1/0/1"),
        ("Ethernet1/37", "Eth1/37"),
        ("Ethernet19", "Et19"),
        ("swp1", "swp1"),
        ("xe-0/0/1", "xe-0/0/1"),
        ("ge-0/0/1.0", "ge-0/0/1"),
        ("ge-0/0/1", "ge-0/0/1.0"),
        ("1/1/1", "1/1/1"),
        ("Port12", "12"),
        ("12", "port12"),
    ],
)
def test_short_and_long_forms_are_one_name(printed: str, given: str) -> None:
    names = PortNames([Port(if_index=77, bridge_ports=(99,), name=printed)])
    assert names.find(given).port is not None


@pytest.mark.parametrize(
    ("printed", "given"),
    [
        ("Gi1/0/1", "Gi1/0/11"),
        ("Gi1/0/1", "Te1/0/1"),
        ("ge-0/0/1", "xe-0/0/1"),
        ("ge-0/0/1.5", "ge-0/0/1"),
        ("swp1", "swp10"),
        ("1/1/1", "1/1"),
        ("Gi1/0/1", "1"),
    ],
)
def test_other_ports_are_not(printed: str, given: str) -> None:
    assert PortNames([Port(if_index=77, bridge_ports=(99,), name=printed)]).find(given).ports == ()


# Bridge ports and ifIndexes are off by one, as on many stacks.
SHIFTED = [Port(if_index=index, bridge_ports=(index - 1,), name=f"swp{index}") for index in (2, 3, 4)]


def test_a_number_that_fits_two_ports_means_neither() -> None:
    match = PortNames(SHIFTED).find("2")
    assert {one.if_index for one in match.ports} == {2, 3}
    assert match.port is None


@pytest.mark.parametrize(("numbers", "found"), [("ifindex", 2), ("bridge", 3)])
def test_unless_the_administrator_says_what_numbers_mean(numbers: str, found: int) -> None:
    match = PortNames(SHIFTED, numbers).find("2")
    assert match.port is not None
    assert match.port.if_index == found


def test_a_number_that_fits_one_port_is_good() -> None:
    match = PortNames(SHIFTED).find("1")
    assert match.port is not None
    assert match.port.if_index == 2


def test_a_name_goes_before_an_alias_and_an_alias_before_a_number() -> None:
    ports = [
        Port(if_index=1, bridge_ports=(11,), name="5"),
        Port(if_index=2, bridge_ports=(12,), name="a", alias="5"),
        Port(if_index=5, bridge_ports=(15,), name="b"),
    ]
    found = []
    for rest in (ports, ports[1:], ports[2:]):
        match = PortNames(rest).find("5")
        found.append((match.port.if_index if match.port else None, match.by))
    assert found == [(1, "ifName"), (2, "ifAlias"), (5, "number")]


def test_an_alias_that_two_ports_share_means_neither() -> None:
    ports = [Port(if_index=one, bridge_ports=(one,), name=f"swp{one}", alias="Rack 3") for one in (1, 2)]
    assert PortNames(ports).find("rack 3").port is None


def test_an_interface_that_is_no_bridge_port_is_never_meant() -> None:
    assert PortNames([Port(if_index=1, name="Vlan1")]).find("Vlan1").ports == ()
    assert PortNames([Port(if_index=1, name="Vlan1")]).find("1").ports == ()
