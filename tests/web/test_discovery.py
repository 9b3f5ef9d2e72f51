"""Who a machine is: as the boot server answers it when plugins agree, disagree, are unsure or are lied to."""

import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest

from luna_core.boot.adopt import adopt
from luna_core.boot.why import why
from luna_core.model import Group, Node, Switch
from luna_core.model.boot import UnknownMachine
from luna_core.operations.configure import set_setting
from luna_core.operations.interfaces import set_mac
from luna_core.operations.objects import add, change
from luna_core.operations.places import map_ports, move

FIRST = "52:54:00:00:00:01"
STRANGE = "52:54:00:00:00:99"
OTHER = "52:54:00:00:00:98"
CLIENT = "127.0.0.1"

See = Callable[..., None]


@pytest.fixture
def see(server: Any) -> See:
    """Makes the plugin `switchport` see a MAC: at sw01 port 7, unless said otherwise."""
    plugin = sys.modules["site_transport"]
    plugin.sightings.clear()

    def one(mac: str, node: str | None, **more: Any) -> None:
        plugin.sightings[mac] = plugin.seen(mac, node, **more)

    return one


@pytest.fixture
def wired(server: Any) -> None:
    """node001 is at port 1 of sw01, node002 at port 7."""

    def operation(work: Any) -> None:
        add(work, Switch, "sw01", {})
        map_ports(work, "sw01", ["node[001-002]=1,7"])

    server.luna.change(operation, "wire")


def ask(server: Any, mac: str, *others: str, **more: str) -> tuple[int, str]:
    """The answer to a machine that boots from `mac`; its request comes from that card."""
    server.neighbours[CLIENT] = mac
    status, script = server.get("/boot/discovery", booted=mac, mac=[mac, *others], **more)
    return status, script


def macs(server: Any, node: str) -> list[str]:
    found: list[str] = server.luna.read(lambda work: work.get(Node, node).macs())
    return found


def unknown(server: Any) -> list[UnknownMachine]:
    found: list[UnknownMachine] = server.luna.read(lambda work: work.all(UnknownMachine))
    return found


def say(server: Any, name: str, value: object) -> None:
    declared = server.luna.declared_settings()
    server.luna.change(lambda work: set_setting(work, declared, name, value), name)


def give(server: Any, node: str, **fields: object) -> None:
    server.luna.change(lambda work: change(work, Node, node, fields), "change")


def test_the_highest_rank_names_and_the_setting_ranks(server: Any, see: See) -> None:
    give(server, "node003", serial="SN-3")
    see(STRANGE, "node002")
    assert "luna.node=node002" in ask(server, STRANGE, serial="SN-3")[1]
    assert sys.modules["site_transport"].identified == [("node002", "switch sw01 port 7")]
    say(server, "discovery.rank", ("mac", "smbios", "switchport"))
    see(OTHER, "node002")
    assert "luna.node=node003" in ask(server, OTHER, serial="SN-3")[1]


def test_what_a_lower_rank_says_is_a_notice_that_a_command_settles(server: Any, see: See) -> None:
    give(server, "node003", serial="SN-3")
    see(STRANGE, "node002")
    ask(server, STRANGE, serial="SN-3")
    said = why(server.luna, "node002")
    assert "It is node002 by switch sw01 port 7, but serial number SN-3 says node003." in said
    assert "luna node adopt 52-54-00-00-00-99 node003 --replace" in said
    server.luna.change(lambda work: adopt(work, STRANGE, "node003", replace=True), "adopt")
    assert (macs(server, "node002"), macs(server, "node003")) == ([], [STRANGE])
    assert "SN-3" not in why(server.luna, "node002")
    assert "luna.node=node003" in ask(server, STRANGE, serial="SN-3")[1]


def test_a_known_node_at_another_nodes_port_boots_as_itself_and_is_noticed(server: Any, see: See, wired: None) -> None:
    see(FIRST, "node002")
    assert "luna.node=node001" in ask(server, FIRST)[1]
    said = why(server.luna, "node001")
    assert "switch sw01 port 7 says node002" in said
    assert "luna node move node001 --switch sw01 --port 7" in said
    server.luna.change(lambda work: move(work, "node001", "sw01", "7"), "move")
    assert "says node002" not in why(server.luna, "node001")
    assert server.luna.read(lambda work: work.get(Node, "node002").port) is None


def test_a_node_at_a_port_where_none_belongs_is_noticed_until_it_is_moved(server: Any, see: See, wired: None) -> None:
    see(FIRST, None, place="switch sw01 port Gi1/0/20", switch="sw01", port="Gi1/0/20")
    assert "luna.node=node001" in ask(server, FIRST)[1]
    said = why(server.luna, "node001")
    assert "node001 was seen at switch sw01 port Gi1/0/20, where no node belongs, and not at switch sw01 port 1" in said
    assert "luna node move node001 --switch sw01 --port Gi1/0/20" in said
    server.luna.change(lambda work: move(work, "node001", "sw01", "Gi1/0/20"), "move")
    assert "was seen at" not in why(server.luna, "node001")


def test_equal_ranks_that_disagree_name_nothing(server: Any, see: See) -> None:
    see(STRANGE, "node002")
    see(OTHER, "node003", place="switch sw02 port 3")
    _, script = ask(server, STRANGE, OTHER)
    assert "node002 and node003" in script
    assert macs(server, "node002") == macs(server, "node003") == []
    (machine,) = unknown(server)
    assert "switch sw02 port 3 says node003" in machine.reason
    assert machine.command == "luna node adopt 52-54-00-00-00-99 node002 --replace"


@pytest.mark.parametrize(
    ("weakness", "reason"), [({"age_s": 901.0}, "901 s ago"), ({"confidence": 0.4}, "only 40% certain")]
)
def test_what_is_old_or_unsure_names_nothing(server: Any, see: See, weakness: dict[str, float], reason: str) -> None:
    see(STRANGE, "node002", **weakness)
    assert "has no name yet" in ask(server, STRANGE)[1]
    assert macs(server, "node002") == []
    assert reason in unknown(server)[0].reason
    assert reason in why(server.luna, "node002"), "whoever looks for node002 learns of the machine that waits"


def test_a_replaced_mainboard_waits_until_it_is_adopted(server: Any, see: See) -> None:
    see(STRANGE, "node001")
    assert "node001 has another MAC" in ask(server, STRANGE)[1].replace("\nitem --gap -- ", " ")
    assert macs(server, "node001") == [FIRST]
    assert "luna node adopt 52-54-00-00-00-99 node001 --replace" in why(server.luna, "node001")
    server.luna.change(lambda work: adopt(work, STRANGE, "node001", replace=True), "adopt")
    assert unknown(server) == []
    assert "luna.node=node001" in ask(server, STRANGE)[1]
    assert "has no name yet" in ask(server, FIRST)[1]


def test_two_machines_in_one_place_both_wait(server: Any, see: See) -> None:
    see(STRANGE, "node001")
    see(FIRST, "node001")
    assert "Two machines are in one place" in ask(server, STRANGE)[1].replace("\nitem --gap -- ", " ")


def test_of_two_unknown_machines_in_one_place_none_is_named(server: Any, see: See) -> None:
    see(OTHER, "node002", age_s=2000.0)
    assert "has no name yet" in ask(server, OTHER)[1]
    see(STRANGE, "node002")
    assert "has no name yet" in ask(server, STRANGE)[1]
    see(OTHER, "node002")
    assert "has no name yet" in ask(server, OTHER)[1]
    assert macs(server, "node002") == []
    assert "52-54-00-00-00-98, which waits too" in next(one.reason for one in unknown(server) if STRANGE in one.macs)


@pytest.mark.parametrize("days", [1, -1])
def test_a_machine_that_waited_when_the_clock_was_wrong_is_no_rival(server: Any, see: See, days: int) -> None:
    see(OTHER, "node002", age_s=2000.0)
    assert "has no name yet" in ask(server, OTHER)[1]
    (other,) = unknown(server)
    then = datetime.fromisoformat(other.last_seen) + timedelta(days=days)
    server.luna.note(lambda work: work.put(other.changed(last_seen=then.isoformat(timespec="milliseconds"))))
    see(STRANGE, "node002")
    assert "luna.node=node002" in ask(server, STRANGE)[1]


def test_cards_of_two_nodes_name_none(server: Any) -> None:
    server.luna.change(lambda work: set_mac(work, "node002", "BOOTIF", STRANGE), "second card")
    assert "node001 and node002" in ask(server, FIRST, STRANGE)[1]
    for node in ("node001", "node002"):
        assert "luna node adopt 52-54-00-00-00-01 node001 --replace" in why(server.luna, node)
    server.luna.change(lambda work: adopt(work, FIRST, "node001", replace=True), "adopt")
    assert macs(server, "node002") == []
    assert "luna.node=node001" in ask(server, FIRST, STRANGE)[1]


def test_a_new_card_in_a_known_node_is_not_taken_for_it_silently(server: Any) -> None:
    server.luna.change(lambda work: set_mac(work, "node001", "eth1", OTHER), "second card")
    _, script = ask(server, STRANGE, OTHER)
    assert "luna.session" not in script
    assert unknown(server)[0].command == "luna node adopt 52-54-00-00-00-99 node001 --replace"


def test_the_card_that_the_request_came_from_is_bound(server: Any, see: See) -> None:
    see(OTHER, "node002")
    server.neighbours[CLIENT] = OTHER
    _, script = server.get("/boot/discovery", booted=STRANGE, mac=[STRANGE, OTHER])
    assert f"luna.mac={OTHER}" in script
    assert macs(server, "node002") == [OTHER]


class TestLies:
    """Anybody on the boot network can send any of these."""

    def test_a_machine_that_is_not_there_is_neither_named_nor_remembered(self, server: Any, see: See) -> None:
        see(STRANGE, "node002")
        server.neighbours[CLIENT] = OTHER
        status, _ = server.get("/boot/discovery", booted=STRANGE, mac=[STRANGE])
        assert status == 403
        server.get("/boot/discovery", booted=FIRST[:-1] + "7", mac=[])
        assert (macs(server, "node002"), unknown(server)) == ([], [])

    def test_anothers_card_gives_no_name_to_a_machine_that_was_seen_elsewhere(self, server: Any, see: See) -> None:
        see(STRANGE, None, place="switch sw01 port 20")
        see(OTHER, "node002")
        assert "has no name yet" in ask(server, STRANGE, OTHER)[1]
        assert macs(server, "node002") == []

    def test_anothers_card_gives_no_name_while_the_other_waits_itself(self, server: Any, see: See) -> None:
        ask(server, OTHER)
        see(OTHER, "node002")
        assert "has no name yet" in ask(server, STRANGE, OTHER)[1]
        assert macs(server, "node002") == []

    def test_no_request_takes_a_mac_from_a_node(self, server: Any, see: See) -> None:
        give(server, "node001", serial="SN-1", asset_tag="A-1")
        see(STRANGE, "node001")
        ask(server, STRANGE, serial="SN-1", asset="A-1")
        server.get("/boot/choose", booted=STRANGE, mac=STRANGE, node="node001")
        server.get("/boot/choose", booted=FIRST, mac=[FIRST, STRANGE], node="node002")
        assert (macs(server, "node001"), macs(server, "node002")) == ([FIRST], [])

    def test_only_the_menus_request_chooses(self, server: Any) -> None:
        assert "has no name yet" in ask(server, STRANGE, node="node002", group="compute")[1]
        assert macs(server, "node002") == []

    def test_from_behind_a_router_only_an_address_of_the_nodes_networks_counts(self, server: Any, see: See) -> None:
        see(STRANGE, "node002")
        server.neighbours.clear()
        assert server.get("/boot/discovery", booted=STRANGE, mac=[STRANGE])[0] == 403
        assert macs(server, "node002") == []


class TestMenu:
    def test_it_offers_free_nodes_and_their_groups(self, server: Any) -> None:
        server.luna.change(lambda work: add(work, Group, "full", {}), "group")
        _, script = ask(server, STRANGE)
        assert "item node-node002" in script
        assert "item group-compute" in script
        assert "node001" not in script, "a node that has a MAC is nobody else's to take"
        assert "group-full" not in script
        server.luna.change(lambda work: set_mac(work, "node002", "BOOTIF", OTHER), "mac")
        assert "item node-node002" not in ask(server, STRANGE)[1], "what is offered follows the store"

    def test_a_group_gives_its_next_free_node(self, server: Any) -> None:
        server.neighbours[CLIENT] = STRANGE
        status, script = server.get("/boot/choose", booted=STRANGE, mac=STRANGE, group="compute")
        assert (status, "luna.node=node002" in script) == (200, True)
        assert macs(server, "node002") == [STRANGE]

    def test_switched_off_it_names_nothing(self, server: Any) -> None:
        say(server, "boot.menu_naming", False)
        assert "/boot/choose" not in ask(server, STRANGE)[1]
        assert server.get("/boot/choose", booted=STRANGE, mac=STRANGE, node="node002")[0] == 400
        assert macs(server, "node002") == []

    def test_where_a_machine_stands_counts_more_than_what_was_typed(self, server: Any, see: See) -> None:
        see(STRANGE, "node001")
        server.neighbours[CLIENT] = STRANGE
        status, sentence = server.get("/boot/choose", booted=STRANGE, mac=STRANGE, node="node002")
        assert (status, "node001 has another MAC" in sentence) == (400, True)
        assert macs(server, "node002") == []

    def test_service_mode_needs_no_name_and_gives_no_session(self, server: Any) -> None:
        status, script = server.get("/boot/service", booted=STRANGE, mac=STRANGE)
        assert status == 200
        assert "luna.service=1" in script
        assert f"luna.mac={STRANGE}" in script
        assert "luna.ip=127.0.0.1/16" in script
        assert "luna.session= " in script
        assert "root=" not in script


class TestNextFree:
    def test_it_is_off_by_default(self, server: Any) -> None:
        assert "has no name yet" in ask(server, STRANGE)[1]
        assert macs(server, "node002") == []

    def test_machines_become_the_groups_nodes_in_turn_until_none_is_free(self, server: Any) -> None:
        say(server, "discovery.group", "compute")
        assert "luna.node=node002" in ask(server, STRANGE)[1]
        assert "luna.node=node003" in ask(server, OTHER)[1]
        assert "Group compute has no free node" in ask(server, "52:54:00:00:00:97")[1]
        assert "luna.node=node002" in ask(server, STRANGE)[1], "a known machine keeps its name"

    def test_a_growing_group_gets_a_new_node(self, server: Any) -> None:
        say(server, "discovery.group", "compute")
        say(server, "discovery.growing_groups", ("compute",))
        for mac in (STRANGE, OTHER, "52:54:00:00:00:97"):
            status, script = ask(server, mac)
            assert status == 200
        assert "luna.node=node004" in script
        assert macs(server, "node004") == ["52:54:00:00:00:97"]

    def test_machines_that_ask_at_once_become_different_nodes(self, server: Any) -> None:
        say(server, "discovery.group", "compute")
        say(server, "discovery.growing_groups", ("compute",))
        host, port = server.url.removeprefix("http://").split(":")

        def boot(number: int) -> str:
            address, mac = f"127.0.9.{number}", f"52:54:00:00:02:0{number}"
            server.neighbours[address] = mac
            connection = HTTPConnection(host, int(port), timeout=60, source_address=(address, 0))
            connection.request("GET", f"/boot/discovery?booted={mac}&mac={mac}")
            return connection.getresponse().read().decode()

        with ThreadPoolExecutor(6) as pool:
            named = [re.search(r"luna\.node=(\S+)", script) for script in pool.map(boot, range(1, 7))]
        assert sorted(one.group(1) for one in named if one) == [f"node00{number}" for number in range(2, 8)]

    def test_a_place_that_names_a_node_comes_first(self, server: Any, see: See) -> None:
        say(server, "discovery.group", "compute")
        see(STRANGE, "node003")
        assert "luna.node=node003" in ask(server, STRANGE)[1]


def test_sightings_are_kept_with_the_machine(server: Any, see: See) -> None:
    see(STRANGE, None, place="switch sw01 port 9", age_s=3.0)
    ask(server, STRANGE, serial="\x1bSN-9\n", vendor="Example", product="Server 1")
    (machine,) = unknown(server)
    (seen,) = machine.sightings
    assert (seen.plugin, seen.mac, seen.place, seen.age_s) == ("switchport", STRANGE, "switch sw01 port 9", 3.0)
    assert (machine.serial, machine.vendor, machine.product) == ("SN-9", "Example", "Server 1")
    assert "it was seen at switch sw01 port 9, where no node belongs" in machine.reason


def test_a_sighting_of_a_node_that_there_is_not_is_said(server: Any, see: See) -> None:
    see(STRANGE, "node777")
    assert "node777, which is no node" in ask(server, STRANGE)[1].replace("\nitem --gap -- ", " ")
