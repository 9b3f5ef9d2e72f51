"""A node in the installer hands kernel and initramfs on to one that waits; else the controller does."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from luna_core.run import run
from luna_lab.controller import GROUP, Controller
from luna_lab.demo import POLL_S, boots, watch
from luna_lab.events import Event
from luna_lab.lab import CONTROLLER, Lab
from luna_lab.machine import Machine
from luna_lab.storm_network import own_network

WITHIN_S = 1200.0
# Both nodes stay in the installer until the boot server has this file.
GO = "go"
HOLD = f'. "$LUNA_LIB"\nuntil luna_request /boot/files/{GO}; do sleep 5; done\n'
# So slow that a cable is pulled in the middle of the initramfs, however late that is seen.
SLOW = ("root", "tbf", "rate", "8mbit", "burst", "64kb", "latency", "50ms")
BEYOND_KERNEL_BYTES = 3_000_000
# luna_core.boot.waves.HOLD_S gives the place of a node away that loads for longer than two minutes.
ASKS_AGAIN_S = 60.0
LOOK_S = 0.2
pytestmark = pytest.mark.timeout(3600)


class Third:
    """A node that is no machine: it has the controller's only place, and keeps it."""

    def __init__(self, controller: Controller) -> None:
        self._mac = "52:54:00:6c:00:03"
        self._namespace = controller.lab.namespace
        # One, for a network namespace is a thread's.
        self._thread = ThreadPoolExecutor(1)
        controller.luna("node", "add", "node003", "--group", GROUP, "--mac", self._mac)

    def __enter__(self) -> "Third":
        self._thread.submit(self._plug_in).result()
        run(self._namespace.command("ip", "link", "set", "third", "master", "br0", "up"))
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown()

    def load(self) -> bool:
        """Begin to load, or begin anew; whether it is from the controller, as where no relay is known."""
        script = self._thread.submit(self._ask).result()
        assert "luna.session=" in script, script
        return "from node001" not in script

    def _plug_in(self) -> None:
        own_network()
        # The bridge has the lowest MAC of its ports, so its own must not be lower.
        port = f"name third address fe:ff:ff:ff:ff:03 netns {self._namespace.name}"
        cable = f"link add eth0 address {self._mac} type veth peer {port}"
        run(["ip", "-batch", "-"], stdin=f"{cable}\naddress add 10.141.0.3/16 dev eth0\nlink set eth0 up\n")

    def _ask(self) -> str:
        query = urlencode({"booted": self._mac, "mac": self._mac})
        with urlopen(f"http://{CONTROLLER.ip}:7050/boot/discovery?{query}", timeout=60) as answer:
            return str(answer.read().decode())


@dataclass(frozen=True, kw_only=True)
class Told:
    """What luna and the machines said, after both were up."""

    broken_off: list[str]
    loads_from: str
    relay: list[str]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with Lab(nodes=2, memory_mb=1024) as lab:
        controller = Controller(lab)
        for name, value in (("boot.relays", "yes"), ("boot.wave", "1")):
            controller.luna("settings", "set", name, value)
        controller.luna("group", "change", GROUP, "--prescript", "@-", stdin=HOLD)
        controller.serve()
        first, second = lab.machines
        first.start()
        _wait_for_prescript(controller, first)
        with Third(controller) as third:
            broken_off = _start_without_end(controller, third)
            _start_behind_relay(lab, third, second)
            _wait_for_prescript(controller, second)
        relay = lab.on_node(first, "cat /run/luna/relay.log").splitlines()
        (controller.state / "tftp" / GO).touch()
        watch(controller, [first.name, second.name], WITHIN_S)
        shown: dict[str, Any] = json.loads(controller.luna("boot", "show", second.name, "-o", "json"))
        yield Told(broken_off=broken_off, loads_from=shown["loads_from"], relay=relay)


def _start_without_end(controller: Controller, third: Third) -> list[str]:
    """The second machine loads from the first, whose cable is pulled; what it said until its kernel has started."""
    lab = controller.lab
    second = lab.machines[1]
    run(lab.namespace.command("tc", "qdisc", "add", "dev", "tap2", *SLOW))
    begun = _start_behind_relay(lab, third, second)
    (kernel,) = controller.state.glob("images/*/kernel")
    enough = _received_bytes(lab) + kernel.stat().st_size + BEYOND_KERNEL_BYTES
    while _received_bytes(lab) < enough:
        time.sleep(LOOK_S)
    run(lab.namespace.command("ip", "link", "set", "tap1", "down"))
    run(lab.namespace.command("tc", "qdisc", "del", "dev", "tap2", "root"))
    lab.events.wait(second.name, "Linux version", WITHIN_S, after=begun)
    second.stop()
    return [event.text for event in lab.events.of(second.name)]


def _start_behind_relay(lab: Lab, third: Third, node: Machine) -> Event:
    """Switch a machine on that has to wait, for the third loads; returns when the first relays to it."""
    until_s = time.monotonic() + WITHIN_S
    # What a relay said that can't be reached is good for some seconds yet.
    while not third.load():
        assert time.monotonic() < until_s, "a relay without a cable is still known"
        time.sleep(LOOK_S)
    node.start()
    run(lab.namespace.command("ip", "link", "set", "tap1", "up"))
    begun = [event for event in lab.events.of(node.name) if event.text == "the machine starts"][-1]
    while True:
        try:
            return lab.events.wait(node.name, "booting compute version 1 from node001", ASKS_AGAIN_S, after=begun)
        except TimeoutError:
            if time.monotonic() > until_s:
                raise
            third.load()


def _received_bytes(lab: Lab) -> int:
    """What the switch has given to the second machine."""
    return int(run(lab.namespace.command("cat", "/sys/class/net/tap2/statistics/tx_bytes")))


def _wait_for_prescript(controller: Controller, node: Machine) -> None:
    until_s = time.monotonic() + WITHIN_S
    while boots(controller, [node.name]).get(node.name, {}).get("phase") != "prescript":
        assert time.monotonic() < until_s, controller.luna("why", node.name)
        time.sleep(POLL_S)


def test_a_node_that_waits_loads_from_one_in_the_installer_and_both_come_up(told: Told) -> None:
    assert told.loads_from == "node001"
    given = [line.split() for line in told.relay if " given to 10.141." in line]
    assert [words[0] for words in given[-2:]] == ["kernel", "initramfs"]


def test_a_relay_that_is_gone_in_the_middle_costs_a_node_time_and_nothing_else(told: Told) -> None:
    words = ("version 1 from node001", "node001 handed over no whole kernel and initramfs", "Linux version")
    places = [next(place for place, line in enumerate(told.broken_off) if word in line) for word in words]
    assert places == sorted(places)
