"""Polls of generated switches: any table, any answer size, tables that never end."""

import asyncio
import bisect
import time
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luna_core.types import Switch
from luna_discovery_switchport import ber, poller, tables
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.ber import Oid, Value
from luna_discovery_switchport.failures import Silent, SnmpError
from luna_discovery_switchport.poll import EVERYTHING_EVERY_S, KEPT_S, read_switch
from luna_discovery_switchport.snapshot import Snapshot

SWITCH = Switch(name="sw01", addresses=(ip_address("192.0.2.1"),), community="public")
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


@dataclass
class FakeTalk:
    """A switch in memory that gives at most `most` rows, and nothing at all to whoever asks for more than `silent`."""

    rows: dict[Oid, Value]
    most: int = 1000
    too_big: int = 1000
    silent: int = 1000
    vlans: dict[int, "FakeTalk"] = field(default_factory=dict)
    asked: int = 0

    async def ask(self, kind: int, oid: Oid, repetitions: int = 0) -> ber.Response:
        self.asked += 1
        if kind == ber.GET:
            return ber.Response(0, 0, [(oid, self.rows.get(oid))])
        if repetitions > self.silent:
            raise Silent("switch sw01: no answer.")
        if repetitions > self.too_big:
            return ber.Response(0, 1, [])
        names = sorted(self.rows)
        start = bisect.bisect_right(names, oid)
        some = names[start : start + min(self.most, max(1, repetitions))]
        return ber.Response(0, 0, [(name, self.rows[name]) for name in some] or [(oid, None)])

    def of_vlan(self, vlan: int) -> "FakeTalk":
        return self.vlans.get(vlan, FakeTalk({}, silent=-1))

    def close(self) -> None: ...


def poll(talk: FakeTalk | None, before: Snapshot | None = None, now: float = 1e9, switch: Switch = SWITCH) -> Snapshot:
    return asyncio.run(read_switch(Agent(switch, talk), before, now))


def octets(mac: str) -> Oid:
    return tuple(bytes.fromhex(mac.replace(":", "")))


def bridge(entries: dict[str, int], if_indexes: dict[int, int]) -> dict[Oid, Value]:
    rows: dict[Oid, Value] = {(*tables.FDB_PORT, *octets(mac)): port for mac, port in entries.items()}
    return rows | {(*tables.BASE_PORT_IF_INDEX, port): index for port, index in if_indexes.items()}


def q_bridge(entries: dict[tuple[int, str], int]) -> dict[Oid, Value]:
    return {(*tables.Q_FDB_PORT, database, *octets(mac)): port for (database, mac), port in entries.items()}


macs = st.integers(1, 2**40 - 1).map(lambda one: bytes([2, *one.to_bytes(5, "big")]).hex(":"))
ports = st.integers(0, 12)


@settings(deadline=None)
@given(
    st.dictionaries(macs, ports, max_size=60),
    st.dictionaries(st.tuples(st.integers(1, 3), macs), ports, max_size=40),
    st.dictionaries(st.integers(1, 12), st.integers(0, 2_000_000_000), max_size=12),
    st.sampled_from(["1", "2c"]),
    st.integers(1, 50),
    st.integers(0, 50),
    st.integers(0, 50),
)
def test_each_mac_is_on_its_port_whatever_the_switch_can_answer(
    plain: dict[str, int],
    with_vlan: dict[tuple[int, str], int],
    if_indexes: dict[int, int],
    version: str,
    most: int,
    too_big: int,
    silent: int,
) -> None:
    talk = FakeTalk(bridge(plain, if_indexes) | q_bridge(with_vlan), most, too_big, silent)
    snapshot = poll(talk, switch=replace(SWITCH, snmp_version=version))  # type: ignore[arg-type]
    known = {(mac, port) for (_, mac), port in with_vlan.items()}
    expected = {(mac, vlan, port) for (vlan, mac), port in with_vlan.items() if port}
    expected |= {(mac, None, port) for mac, port in plain.items() if port and (mac, port) not in known}  # type: ignore[misc]
    found = {(one.mac, one.vlan, one.bridge_port): one.if_index for one in snapshot.entries}
    assert found == {(mac, vlan, port): if_indexes.get(port) or None for mac, vlan, port in expected}


def test_own_and_invalid_macs_are_left_out() -> None:
    rows = bridge({MAC: 1, OTHER: 1, "02:00:00:00:00:03": 1, "02:00:00:00:00:04": 1}, {1: 10})
    rows[(*tables.FDB_STATUS, *octets(MAC))] = 4
    rows[(*tables.FDB_STATUS, *octets(OTHER))] = 2
    rows[(*tables.IF_ADDRESS, 99)] = bytes(octets("02:00:00:00:00:03"))
    assert [one.mac for one in poll(FakeTalk(rows)).entries] == ["02:00:00:00:00:04"]


def test_groups_and_nonsense_are_no_machines() -> None:
    rows = bridge({"01:00:5e:00:00:01": 1, "00:00:00:00:00:00": 1, MAC: 1}, {1: 10})
    rows[(*tables.FDB_PORT, 1, 2, 3)] = 1
    rows[(*tables.FDB_PORT, 2, 0, 0, 0, 0, 300)] = 1
    assert [one.mac for one in poll(FakeTalk(rows)).entries] == [MAC]


def test_a_table_that_goes_in_circles_ends_and_is_said() -> None:
    class Circling(FakeTalk):
        async def ask(self, kind: int, oid: Oid, repetitions: int = 0) -> ber.Response:
            answer = await super().ask(kind, oid, repetitions)
            if oid[: len(tables.FDB_PORT)] == tables.FDB_PORT and kind != ber.GET:
                return ber.Response(0, 0, [((*tables.FDB_PORT, *octets(MAC)), 1)])
            return answer

    snapshot = poll(Circling(bridge({MAC: 1}, {1: 10})))
    assert snapshot.entries == ()
    assert "repeats itself at 1.3.6.1.2.1.17.4.3.1.2.82.84.0.0.0.1" in snapshot.problems[0]


def test_databases_that_vlans_share_have_no_vlan_and_others_have_theirs() -> None:
    rows = q_bridge({(7, MAC): 1, (8, OTHER): 2}) | bridge({}, {1: 10, 2: 11})
    rows |= {(*tables.Q_VLAN_FDB_ID, 0, vlan): database for vlan, database in ((100, 7), (200, 8), (201, 8))}
    assert {(one.mac, one.vlan) for one in poll(FakeTalk(rows)).entries} == {(MAC, 100), (OTHER, None)}


def test_a_database_that_is_called_like_no_vlan_is_none() -> None:
    """Junos numbers them in steps of 65536."""
    rows = q_bridge({(131072, MAC): 1, (4094, OTHER): 2}) | bridge({}, {1: 10, 2: 11})
    assert {(one.mac, one.vlan) for one in poll(FakeTalk(rows)).entries} == {(MAC, None), (OTHER, 4094)}


def test_a_mac_that_two_tables_have_at_different_ports_is_at_both() -> None:
    rows = q_bridge({(7, MAC): 1, (7, OTHER): 2}) | bridge({MAC: 3, OTHER: 2}, {1: 10, 2: 11, 3: 12})
    found = {(one.mac, one.vlan, one.if_index) for one in poll(FakeTalk(rows)).entries}
    assert found == {(MAC, 7, 10), (MAC, None, 12), (OTHER, 7, 11)}


def test_each_vlan_of_a_cisco_switch_is_asked_by_itself_with_its_own_map() -> None:
    base = bridge({}, {1: 10}) | {(*tables.VTP_VLAN_STATE, 1, vlan): 1 for vlan in (1, 20, 30, 1002)}
    vlans = {20: FakeTalk(bridge({MAC: 5}, {5: 10105})), 30: FakeTalk(bridge({MAC: 6, OTHER: 7}, {6: 10106}))}
    snapshot = poll(FakeTalk(base, vlans=vlans))
    found = {(one.mac, one.vlan, one.if_index) for one in snapshot.entries}
    assert found == {(MAC, 20, 10105), (MAC, 30, 10106), (OTHER, 30, None)}
    assert {one.if_index for one in snapshot.ports if one.bridge_ports} == {10, 10105, 10106}


def test_a_switch_that_answers_for_no_single_vlan_is_not_asked_for_hundreds() -> None:
    base = bridge({MAC: 1}, {1: 10}) | {(*tables.VTP_VLAN_STATE, 1, vlan): 1 for vlan in range(1, 900)}
    talk = FakeTalk(base)
    snapshot = poll(talk)
    assert [one.mac for one in snapshot.entries] == [MAC]
    assert "VLANs 1, 2, 3, 4 one by one" in snapshot.problems[0]


def test_a_machine_that_fell_silent_is_remembered_for_a_while() -> None:
    first = poll(FakeTalk(bridge({MAC: 1}, {1: 10})), now=1000.0)
    later = poll(FakeTalk(bridge({}, {1: 10})), first, now=1060.0)
    assert [(one.mac, one.first_seen, one.last_seen, one.present) for one in later.entries] == [
        (MAC, 1000.0, 1000.0, False)
    ]
    back = poll(FakeTalk(bridge({MAC: 1}, {1: 10})), later, now=1120.0)
    assert [(one.first_seen, one.last_seen, one.present) for one in back.entries] == [(1000.0, 1120.0, True)]
    assert poll(FakeTalk(bridge({}, {1: 10})), back, now=1120.0 + KEPT_S).entries == ()


def test_the_first_machine_of_an_empty_switch_is_seen_at_once() -> None:
    first = poll(FakeTalk(bridge({}, {1: 10})), now=1000.0)
    assert [one.mac for one in poll(FakeTalk(bridge({MAC: 1}, {1: 10})), first, now=1001.0).entries] == [MAC]
    rows = q_bridge({(1, MAC): 1}) | bridge({}, {1: 10})
    assert [one.mac for one in poll(FakeTalk(rows), first, now=1001.0).entries] == [MAC]


def test_a_machine_that_moved_is_at_its_new_port_alone() -> None:
    first = poll(FakeTalk(bridge({MAC: 1}, {1: 10, 2: 11})), now=1000.0)
    moved = poll(FakeTalk(bridge({MAC: 2}, {1: 10, 2: 11})), first, now=1060.0)
    assert [(one.if_index, one.first_seen) for one in moved.entries] == [(11, 1060.0)]


def test_names_are_read_again_only_now_and_then() -> None:
    rows = bridge({MAC: 1}, {1: 10})
    first = poll(FakeTalk({**rows, (*tables.IF_NAME, 10): b"old"}), now=1000.0)
    talk = FakeTalk({**rows, (*tables.IF_NAME, 10): b"new"})
    soon = poll(talk, first, now=1001.0)
    assert [one.name for one in soon.ports] == ["old"]
    assert [one.name for one in poll(talk, soon, now=1000.0 + EVERYTHING_EVERY_S).ports] == ["new"]


def test_times_of_a_clock_that_was_ahead_are_old() -> None:
    year = 365 * 86400.0
    first = poll(FakeTalk({**bridge({MAC: 1}, {1: 10}), (*tables.IF_NAME, 10): b"old"}), now=year)
    later = poll(FakeTalk({**bridge({OTHER: 1}, {1: 10}), (*tables.IF_NAME, 10): b"new"}), first, now=1000.0)
    assert [one.name for one in later.ports] == ["new"]
    assert [one.mac for one in later.entries] == [OTHER]


@pytest.mark.parametrize("then", [1e9 - 365 * 86400, 1e9 + 365 * 86400])
def test_a_clock_that_is_set_stops_no_poller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: float) -> None:
    clock = [1e9]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.setattr(poller, "_TICK_S", 0.01)
    known = poller.Watched(SWITCH, Snapshot(switch="sw01"), agent=Agent(SWITCH, FakeTalk(bridge({}, {}))))

    async def was_polled_at(when: float) -> None:
        while known.snapshot.polled_at != when:
            await asyncio.sleep(0.01)

    async def watch(watching: poller.Poller) -> None:
        stopped = asyncio.Event()
        task = asyncio.create_task(watching.run(stopped))
        async with asyncio.timeout(60):
            await was_polled_at(clock[0])
            clock[0] = then
            await was_polled_at(then)
        stopped.set()
        await task

    class Store:
        settings = SimpleNamespace(services_directory=tmp_path)

        def look(self, read: object) -> int:
            return -1

    asyncio.run(watch(poller.Poller(Store(), interval_s=0.01, watched={"sw01": known})))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({(*tables.LAG_OF_PORT, 10): 500, (*tables.LAG_OF_PORT, 11): 11}, "link aggregation"),
        ({(*tables.IF_TYPE, 10): 161}, "link aggregation"),
        ({(*tables.IF_TYPE, 10): 53, (*tables.IF_TYPE, 11): 117}, "ifType 53"),
        ({tables.STP_ROOT_PORT: 1}, "root of the spanning tree"),
        ({(*tables.CDP_CAPABILITIES, 10, 3): b"\0\0\0\x28", (*tables.CDP_CAPABILITIES, 11, 3): b"\0\0\0\x10"}, "CDP"),
        ({(*tables.LLDP_CAPABILITIES, 0, 10, 1): b"\x28", (*tables.LLDP_CAPABILITIES, 0, 11, 1): b"\x01"}, "LLDP"),
        ({(*tables.LLDP_CAPABILITIES, 0, 3, 1): b"\x20", (*tables.LLDP_LOCAL_PORT, 3): b"Te1/1"}, "LLDP"),
    ],
)
def test_what_the_switch_says_of_an_uplink(rows: dict[Oid, Value], reason: str) -> None:
    names = {(*tables.IF_NAME, 10): b"TenGigabitEthernet1/1", (*tables.IF_NAME, 11): b"Te1/2"}
    snapshot = poll(FakeTalk(bridge({}, {1: 10, 2: 11}) | names | rows))
    leads = {one.if_index: one.leads_to for one in snapshot.ports}
    assert reason in leads[10]
    assert leads[11] == ""


def test_a_switch_that_refuses_says_so() -> None:
    class Refusing(FakeTalk):
        async def ask(self, kind: int, oid: Oid, repetitions: int = 0) -> ber.Response:
            return ber.Response(0, 16, [])

    with pytest.raises(SnmpError, match="doesn't let this user read"):
        poll(Refusing({}))


def test_an_address_that_nothing_can_be_sent_to_is_said() -> None:
    with pytest.raises(SnmpError, match=r"switch sw01: 255\.255\.255\.255 port 161 can't be asked: "):
        poll(None, switch=replace(SWITCH, addresses=(ip_address("255.255.255.255"),)))
