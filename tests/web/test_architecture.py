"""A machine is refused a kernel that it can't start, over real HTTP, and everybody is told why."""

import re
import struct
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from luna_core.boot.sessions import boots
from luna_core.boot.why import why
from luna_core.model import Node
from luna_core.model.boot import BootSession, UnknownMachine
from luna_core.operations.nodes import states
from luna_core.operations.objects import change

FIRST, STRANGE = "52:54:00:00:00:01", "52:54:00:00:00:99"
X86_64, ARM64 = 0x8664, 0xAA64
SENTENCE = (
    "{node} is to boot compute version 2, whose kernel is for arm64, and this machine is x86_64. Give the node, or its "
    "group, an osimage for x86_64: 'luna node change {node} --osimage IMAGE'."
)


def kernel(machine: int) -> bytes:
    """The head of a kernel that UEFI starts, as the PE format has it."""
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I4sH", 0x40, b"PE\0\0", machine)


@pytest.fixture
def foreign(server: Any, pack_again: Callable[..., str]) -> Any:
    """The boot server, whose image has become one for arm64."""
    pack_again("6.1.0", kernel(ARM64))
    return server


def discover(server: Any, mac: str, arch: str) -> str:
    server.neighbours["127.0.0.1"] = mac
    status, script = server.get("/boot/discovery", booted=mac, mac=mac, arch=arch)
    assert status == 200, script
    return str(script)


def said(script: str) -> str:
    """What the machine shows."""
    return " ".join(re.findall("^echo luna: (.*)$", script, re.MULTILINE))


def kept(server: Any, name: str) -> list[BootSession]:
    found: list[BootSession] = server.luna.read(lambda work: boots(work, work.get(Node, name)))
    return found


def test_a_refused_machine_its_console_and_why_tell_the_same(foreign: Any) -> None:
    script = discover(foreign, FIRST, "x86_64")
    assert said(script) == f"{SENTENCE.format(node='node001')} asking again every 30 seconds"
    assert "luna.session" not in script
    assert f"chain --replace --autofree {foreign.url}/boot/ipxe" in script
    (boot,) = kept(foreign, "node001")
    assert (boot.outcome, boot.events[-1].log) == ("failed", SENTENCE.format(node="node001"))
    assert f"and was refused: {SENTENCE.format(node='node001')} It asks again by itself." in why(
        foreign.luna, "node001"
    )
    assert foreign.luna.read(lambda work: states(work)[boot.node]) == "failed"
    assert ("node001", "unknown", "failed") in sys.modules["site_transport"].told


def test_it_asks_again_in_the_same_boot_and_goes_on_in_another_once_its_image_fits(
    foreign: Any, pack_again: Callable[..., str]
) -> None:
    discover(foreign, FIRST, "x86_64")
    (first,) = kept(foreign, "node001")
    discover(foreign, FIRST, "x86_64")
    (second,) = kept(foreign, "node001")
    assert (second.id, second.events) == (first.id, first.events)
    assert second.heard_s > first.heard_s, "it is known to live"
    pack_again("6.1.0", kernel(X86_64), 3)
    assert "kernel --name" in discover(foreign, FIRST, "x86_64")
    assert [one.outcome for one in kept(foreign, "node001")] == ["booting", "abandoned"]


@pytest.mark.parametrize(
    ("machine", "arch", "boots_it"),
    [
        (ARM64, "arm64", True),
        (ARM64, "i386", False),
        (ARM64, "", True),
        (ARM64, "riscv64", True),
        (X86_64, "x86_64", True),
        (X86_64, "i386", True),
        (X86_64, "arm64", False),
        (0, "arm64", True),
    ],
)
def test_only_what_is_known_not_to_fit_is_refused(
    server: Any, pack_again: Callable[..., str], machine: int, arch: str, boots_it: bool
) -> None:
    pack_again("6.1.0", kernel(machine))
    assert ("kernel --name" in discover(server, FIRST, arch)) is boots_it


def test_a_node_that_boots_from_its_own_disk_is_not_refused(foreign: Any) -> None:
    foreign.luna.change(lambda work: change(work, Node, "node001", {"local_boot": True}), "local")
    assert "sanboot" in discover(foreign, FIRST, "x86_64")


def test_a_machine_that_its_port_names_is_that_node_and_is_refused(foreign: Any) -> None:
    sys.modules["site_transport"].sightings[STRANGE] = "node002"
    assert SENTENCE.format(node="node002") in said(discover(foreign, STRANGE, "x86_64"))
    assert foreign.luna.read(lambda work: work.get(Node, "node002").macs()) == [STRANGE]


def test_the_menu_passes_on_what_the_machine_is(foreign: Any) -> None:
    menu = discover(foreign, STRANGE, "x86_64")
    query, rescue = (re.search(rf"{foreign.url}/boot/{word}\?(\S*)", menu) for word in ("choose", "service"))
    assert query
    assert rescue
    status, sentence = foreign.get("/boot/service", **parse_qs(rescue[1]))
    assert (status, "No osimage has a version for this machine" in sentence) == (400, True)
    status, script = foreign.get("/boot/choose", **parse_qs(query[1].removesuffix("&${choice}")), node="node003")
    assert (status, SENTENCE.format(node="node003") in said(script)) == (200, True)
    assert foreign.luna.read(lambda work: work.all(UnknownMachine)) == []


def test_the_rescue_system_is_taken_from_an_image_that_fits(foreign: Any) -> None:
    status, script = foreign.get("/boot/service", booted=STRANGE, mac=STRANGE, arch="arm64")
    assert (status, "luna.service=1" in script) == (200, True)
