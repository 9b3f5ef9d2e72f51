"""A node boots from its disk once an installation there was seen to be good, if that is asked for."""

from typing import Any

import pytest

from luna_core.boot.sessions import boots
from luna_core.errors import LunaError
from luna_core.model import Node
from luna_core.model.boot import BootEvent, BootSession
from luna_core.operations import history, integrity
from luna_core.operations.configure import set_setting
from luna_core.operations.objects import change

INSTALLED = (("bootloader", "done"), ("finish", "done"))
ASKED = {"root": "disk", "partscript": "mount /dev/sda1 $NEWROOT", "local_boot_after_install": True}


@pytest.fixture
def boot(server: Any, begin: Any) -> Any:
    """Has node001 boot with these values of its own, and report these phases; returns its session."""

    def run(values: dict[str, Any], reports: Any = INSTALLED) -> BootSession:
        begin(values, reports)
        return newest(server)

    return run


@pytest.fixture
def begin(server: Any) -> Any:
    """The same; returns the session's token."""

    def run(values: dict[str, Any], reports: Any) -> str:
        server.luna.change(lambda work: change(work, Node, "node001", {"boot_address": "dhcp", **values}), "values")
        server.neighbours["127.0.0.1"] = "52:54:00:00:00:01"
        _, script = server.get("/boot/discovery", booted="52:54:00:00:00:01", mac=["52:54:00:00:00:01"])
        token = script.split("luna.session=")[1].split()[0]
        for phase, status in reports:
            event = BootEvent(time="2026-11-22T10:00:00+00:00", phase=phase, status=status)
            server.service.report("node001", token, "127.0.0.1", event)
        return str(token)

    return run


def newest(server: Any) -> BootSession:
    found: BootSession = server.luna.read(lambda work: boots(work, work.get(Node, "node001"), limit=1))[0]
    return found


def local_boot(server: Any) -> bool | None:
    found: bool | None = server.luna.read(lambda work: work.get(Node, "node001").local_boot)
    return found


def test_it_is_set_when_the_node_is_seen_up_with_an_entry_in_the_history(server: Any, boot: Any) -> None:
    session = boot(ASKED)
    assert local_boot(server) is None, "installed is not yet good"
    server.service.is_up(session)
    assert local_boot(server) is True
    assert newest(server).outcome == "up"
    last = server.luna.read(lambda work: history.entries(work, limit=1))[0]
    assert last.what == "local boot of node001 after its installation"


def test_it_is_set_again_after_a_second_installation(server: Any, boot: Any) -> None:
    server.service.is_up(boot({**ASKED, "local_boot": False}))
    assert local_boot(server) is True


@pytest.mark.parametrize(
    ("values", "reports"),
    [
        ({**ASKED, "local_boot_after_install": None}, INSTALLED),
        ({**ASKED, "root": "tmpfs"}, INSTALLED),
        (ASKED, INSTALLED[1:]),
    ],
    ids=["not asked for", "nothing on the disk", "no boot loader"],
)
def test_it_is_not_set_where_the_disk_would_not_boot_or_nobody_asked(
    server: Any, boot: Any, values: dict[str, Any], reports: Any
) -> None:
    server.service.is_up(boot(values, reports))
    assert newest(server).outcome == "up"
    assert local_boot(server) is None


@pytest.fixture
def nobody_looks(server: Any) -> None:
    """Whether nodes are up."""
    declared = server.luna.declared_settings()
    server.luna.change(lambda work: set_setting(work, declared, "boot.up_port", 0), "port")


@pytest.mark.usefixtures("nobody_looks")
def test_where_nobody_looks_whether_nodes_are_up_an_installation_counts(server: Any, boot: Any) -> None:
    boot(ASKED)
    assert local_boot(server) is True


@pytest.mark.usefixtures("nobody_looks")
def test_a_store_that_fails_once_at_the_last_report_costs_no_node_its_local_boot(
    server: Any, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = begin(ASKED, INSTALLED[:1])
    event = BootEvent(time="2026-11-22T10:00:01+00:00", phase="finish", status="done")
    with monkeypatch.context() as full:
        full.setattr(server.luna, "change", fails)
        with pytest.raises(LunaError):
            server.service.report("node001", token, "127.0.0.1", event)
    # As the node does, which got no answer or HTTP 503.
    server.service.report("node001", token, "127.0.0.1", event)
    assert newest(server).outcome == "installed"
    assert local_boot(server) is True


@pytest.mark.usefixtures("nobody_looks")
def test_an_installation_counts_where_a_newer_luna_would_not_take_the_node_as_it_is(
    server: Any, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = begin({**ASKED, "serial": "S1"}, INSTALLED[:1])
    monkeypatch.setattr(integrity, "is_placeholder", lambda number: True)
    event = BootEvent(time="2026-11-22T10:00:01+00:00", phase="finish", status="done")
    server.service.report("node001", token, "127.0.0.1", event)
    assert newest(server).outcome == "installed"
    assert not local_boot(server)


def fails(*_: Any) -> None:
    raise LunaError("The store is unchanged, because the disk is full.")
