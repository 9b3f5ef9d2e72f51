"""`luna boot HOSTLIST`: power on, follow, explain."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot import sessions
from luna_core.model import ImageVersion, Node, OsImage
from luna_core.model.boot import BootEvent, BootSession
from luna_core.operations import Work, connect
from luna_core.testing import facts
from luna_core.testing.command_line import Outcome
from luna_core.testing.fakes.bmc import FakePowerDriver
from luna_core.types import BmcTarget, BootDevice, PowerAction, PowerState

Luna = Callable[..., Outcome]
VERSION = {"image": "compute", "version": 1, "manifest_sha256": "0" * 64}


def note(operation: Callable[[Work], object]) -> None:
    with connect() as luna:
        luna.note(operation)


def new_boot(work: Work, name: str) -> BootSession:
    return sessions.open_session(work, work.get(Node, name), "10.141.0.1", VERSION).session


def comes_up(work: Work, name: str) -> None:
    sessions.record_up(work, new_boot(work, name))


def fails(work: Work, name: str) -> None:
    log = "mkfs: no such device\n"
    event = BootEvent(time=sessions.now(), phase="partscript", status="failed", exit_status=1, log=log)
    sessions.record_event(work, new_boot(work, name), event)


def is_refused(work: Work, name: str) -> None:
    sessions.record_refused(work, work.get(Node, name), "10.141.0.1", VERSION, "Its kernel is for arm64.")


@pytest.fixture
def bootable(cluster: Luna, tmp_path: Path) -> Luna:
    """Group compute has an image with a version; group bare has none."""
    version = facts.version(tmp_path / "images")
    assert cluster("osimage add compute --path /srv/tree --distro fake").status == 0
    assert cluster("group change compute --osimage compute").status == 0
    cluster("node add bare1 --group bare")

    def pack(work: Work) -> None:
        image = work.get(OsImage, "compute")
        made = {"osimage": image.id, "number": 1, "manifest_sha256": version.manifest_sha256, "size_bytes": 1}
        work.add(ImageVersion.new(name="compute-1", **made))
        work.put(image.changed(latest=1))

    with connect() as luna:
        luna.change(pack, "pack")
    return cluster


@pytest.fixture
def machines_that(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Work, str], None]], list[PowerAction]]:
    """What a node does when it is switched on; gives the list of actions that BMCs were asked for."""

    def install(then: Callable[[Work, str], None]) -> list[PowerAction]:
        asked: list[PowerAction] = []
        act = FakePowerDriver.act

        def acting(self: FakePowerDriver, bmc: BmcTarget, action: PowerAction) -> None:
            act(self, bmc, action)
            asked.append(action)
            note(lambda work: then(work, bmc.node))

        monkeypatch.setattr(FakePowerDriver, "act", acting)
        return asked

    return install


def test_nodes_boot_from_the_network_and_are_followed_until_up(
    bootable: Luna, machines_that: Any, machines: dict[str, Any]
) -> None:
    bootable("power on node002")
    note(lambda work: comes_up(work, "node002"))  # an earlier boot, which doesn't count
    asked = machines_that(comes_up)
    done = bootable("boot node[001-002]")
    assert (done.status, done.out.splitlines()[-2:]) == (0, ["", "node[001-002]: up"]), done.err
    assert sorted(asked) == [PowerAction.CYCLE, PowerAction.ON]
    assert {one.boot_device for one in machines.values()} == {BootDevice.NETWORK}
    assert {one.power for one in machines.values()} == {PowerState.ON}
    assert "2 up" in done.err


def test_a_node_that_fails_is_explained(bootable: Luna, machines_that: Any) -> None:
    machines_that(fails)
    done = bootable("boot nodes node001")
    assert (done.status, done.out) == (1, "")
    assert "node001: node001 began to boot compute version 1" in done.err
    assert "mkfs: no such device" in done.err


def test_a_node_that_is_refused_once_more_is_explained_at_once(bootable: Luna, machines_that: Any) -> None:
    note(lambda work: is_refused(work, "node001"))
    assert "node001: It is not up after 0 s." in bootable("boot node001 --timeout 0").err
    machines_that(is_refused)
    done = bootable("boot node001 --timeout 0")
    assert (done.status, "node001: node001 began to boot compute version 1" in done.err) == (1, True)
    assert "and was refused: Its kernel is for arm64." in done.err


def test_why_tells_what_was_done_with_the_power_as_long_as_it_explains_something(bootable: Luna) -> None:
    off, refused = "switched off through luna (soft) at", "The BMC of node001 at 10.148.0.1 does not accept user"
    bootable("--why 'new fan' power soft node001")
    said = bootable("why node001").out
    assert off in said
    assert "because: new fan." in said
    bootable("node change node001 --bmcsetup refusing")
    bootable("boot --no-wait node001")
    said = bootable("why node001").out
    assert off in said
    assert "'luna boot' by " in said
    assert refused in said
    note(lambda work: fails(work, "node001"))
    said = bootable("why node001").out
    assert "mkfs: no such device" in said
    assert off not in said
    assert refused not in said
    bootable("power cycle node001")
    assert refused in bootable("why node001").out
    note(lambda work: comes_up(work, "node001"))
    bootable("power reset node001")
    assert refused not in bootable("why node001").out
    bootable("node change node001 --bmcsetup default")
    bootable("power off node001")
    assert "and is up.\n    It was switched off through luna (off) at" in bootable("why node001").out


def test_an_earlier_boot_is_no_success(bootable: Luna) -> None:
    note(lambda work: comes_up(work, "node001"))
    done = bootable("boot node001 --timeout 0")
    assert done.status == 1
    assert "node001: It is not up after 0 s. node001 " in done.err


def test_what_can_not_boot_is_not_touched(bootable: Luna, machines: dict[str, Any], machines_that: Any) -> None:
    machines_that(comes_up)
    bootable("node change node002 --bmcsetup refusing")
    done = bootable("boot bare1,node[001-002]")
    assert done.status == 1
    told = dict(line.split(": ", 1) for line in done.err.splitlines() if line.startswith(("bare", "node")))
    assert told["bare1"].startswith("osimage: none is chosen")
    assert "does not accept user" in told["node002"]
    assert done.out.splitlines()[-2:] == ["node001: up", "bare1,node002: failed"]
    assert list(machines) == ["10.148.0.1:None"]


def test_without_waiting_it_ends_when_the_bmcs_have_accepted(bootable: Luna) -> None:
    assert bootable("boot --no-wait node001").out == "node001: boots\n"
    assert bootable("boot --group compute --dry-run").out.splitlines()[-1] == "node[001-012]: boot (dry run)"
    assert bootable("boot nodes").status == 2


def test_the_other_commands_of_boot_are_what_they_were(bootable: Luna) -> None:
    assert bootable("boot watch --once").status == 0
    assert "watch" in bootable("boot --help").out
