"""Two machines that are off and unknown become nodes of a real controller: IPMI, switch ports, BitTorrent, ssh."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from luna_core.run import run
from luna_lab.controller import Controller
from luna_lab.demo import Shares, boot_all, boots, prove, shares
from luna_lab.lab import Lab
from luna_lab.quarter import Quarter
from luna_lab.rack import Rack
from luna_lab.tree import debian_tree

NODES = ["node001", "node002"]
# One copy has to come from the controller, so at most half; whoever begins first fetches alone for a while. The
# demonstration, of more nodes, wants more than half.
FROM_PEERS_AT_LEAST = 0.1
BOOT_WITHIN_S = 1800.0
LUNA = Path(sys.executable).parent / "luna"
FOLDERS = r"find %s -xdev -type d -printf '%%p %%m %%U %%G %%T@\n' | LC_ALL=C sort"
CONTENTS = "find %s -xdev -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort"


@dataclass(frozen=True)
class Booted:
    """A lab whose machines are all up, and where their image came from."""

    lab: Lab
    controller: Controller
    shares: Shares
    macs_before: dict[str, list[str]]


@pytest.fixture(scope="module")
def booted() -> Iterator[Booted]:
    with Lab(nodes=len(NODES), memory_mb=1024) as lab, Rack(lab) as rack:
        controller = Controller(lab, rack)
        controller.serve()
        before = macs(controller)
        assert not any(machine.running for machine in lab.machines)
        quarter = Quarter(lab.namespace, len(NODES))
        boot_all(controller, lab.machines, BOOT_WITHIN_S, quarter.see)
        assert quarter.rate_bits_s, "the controller's link was never limited"
        yield Booted(lab, controller, shares(controller, NODES), before)


def macs(controller: Controller) -> dict[str, list[str]]:
    return {row["name"]: row["macs"] for row in json.loads(controller.luna("node", "list", "-o", "json"))}


pytestmark = pytest.mark.timeout(3600)


def test_each_node_is_itself_and_runs_without_failed_units(booted: Booted) -> None:
    proofs = [prove(booted.lab, machine) for machine in booted.lab.machines]
    assert [proof.name for proof in proofs] == NODES
    assert len({proof.machine_id for proof in proofs}) == len(NODES)
    for machine in booted.lab.machines:
        addresses = booted.lab.on_node(machine, "ip -brief address; networkctl --no-legend list")
        assert str(machine.plan.address) in addresses
        assert "configured" in addresses, "systemd-networkd must have taken the network over from the initramfs"


def test_bmcs_powered_the_nodes_and_switch_ports_named_them(booted: Booted) -> None:
    assert booted.macs_before == {name: [] for name in NODES}
    for machine in booted.lab.machines:
        assert "its BMC is told: power 1" in {event.text for event in booted.lab.events.of(machine.name)}
    assert macs(booted.controller) == {machine.name: [machine.plan.mac] for machine in booted.lab.machines}
    power = json.loads(booted.controller.luna("power", "status", ",".join(NODES), "-o", "json"))
    assert [(row["power"], row["bmc"]) for row in power] == [("on", "10.148.0.1"), ("on", "10.148.0.2")]


def test_nodes_fetch_from_each_other_while_the_controller_sends_a_quarter_of_what_they_take(booted: Booted) -> None:
    assert booted.shares.from_peers > FROM_PEERS_AT_LEAST
    assert booted.shares.peer_bytes + booted.shares.server_bytes > 100_000_000
    assert all(row["outcome"] == "up" for row in boots(booted.controller, NODES).values())


@pytest.mark.parametrize(
    "listing", [{}, {"listing": FOLDERS}, {"listing": CONTENTS}], ids=["files", "folders", "contents"]
)
def test_a_node_holds_exactly_what_the_tree_has(
    booted: Booted, differences: Callable[..., Sequence[str]], listing: dict[str, str]
) -> None:
    assert differences(booted.lab, booted.lab.machines[0], debian_tree(), **listing) == []


def test_nothing_of_luna_runs_on_a_node(booted: Booted) -> None:
    said = booted.lab.on_node(booted.lab.machines[1], "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; mount")
    assert "luna-python" not in said
    assert "luna_core" not in said
    assert "/run/luna" not in said


def test_the_token_of_a_boot_opens_nothing_afterwards(booted: Booted) -> None:
    request = (
        "token=$(tr ' ' '\\n' < /proc/cmdline | sed -n s/luna.session=//p); test -n \"$token\"; "
        'curl -s -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $token" '
        "http://10.141.255.254:7050/boot/install?node=node001"
    )
    assert booted.lab.on_node(booted.lab.machines[0], request) == "403"


def test_luna_lab_ssh_logs_in(booted: Booted) -> None:
    words = [LUNA, "lab", "ssh", "--lab", booted.lab.name, "node002", "hostname"]
    assert run(words) == "node002\n"


def test_the_waterfall_shows_every_boot(booted: Booted, tmp_path: Path) -> None:
    text = booted.controller.luna("boot", "report", "--svg", str(tmp_path / "boots.svg"))
    assert all(name in text for name in NODES)
    assert "download" in text
    assert (tmp_path / "boots.svg").read_text().startswith("<svg")


def test_why_says_that_a_node_is_up(booted: Booted) -> None:
    assert booted.controller.luna("why", "node001").strip().endswith("is up.")


def test_machines_behind_the_uplink_are_no_node_even_if_one_belongs_there(booted: Booted) -> None:
    booted.controller.luna("node", "add", "node003", "--group", "compute", "--switch", "sw01", "--ports", "uplink")
    places = json.loads(booted.controller.luna("switch", "macs", "-o", "json"))
    expected = {("tap1", "node001"), ("tap2", "node002"), ("uplink", None)}
    assert {(row["port"], row["node"]) for row in places} == expected


def test_a_node_shuts_down_when_its_bmc_asks_for_it(booted: Booted) -> None:
    booted.controller.luna("power", "soft", "node002", "--wait", "--timeout", "900")
    assert [machine.running for machine in booted.lab.machines] == [True, False]
