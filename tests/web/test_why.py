"""`luna why` of nodes that never got as far as an installation."""

import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot import why as explained
from luna_core.boot.why import why
from luna_core.operations.configure import set_setting
from luna_core.operations.inherit import the_cluster
from luna_core.settings import CORE_SETTINGS


def test_a_node_that_never_asked_and_a_controller_that_could_not_hear_it(server: Any) -> None:
    said = why(server.luna, "node001")
    assert "node001 has all it needs to boot, but never asked: no request came from 52:54:00:00:00:01." in said
    assert "The boot server does not answer at 127.0.0.254 port 7050" in said


def test_a_controller_that_listens_is_not_accused(server: Any) -> None:
    with socket.create_server(("127.0.0.254", 0)) as listening:
        values = {"http.port": listening.getsockname()[1], "dhcp.server": "none"}
        for name, value in values.items():
            server.luna.change(partial(set_setting, declared=CORE_SETTINGS, name=name, given=value), "test")
        said = why(server.luna, "node001")
    assert "never asked" in said
    assert "does not answer" not in said
    assert "DHCP server runs" not in said


def test_a_controller_without_ipv4_is_to_have_dhcpv6_alone(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "udp6"
    table.write_text("sl local_address\n 1: 00000000000000000000000000000000:0223 0000:0000 07\n")
    monkeypatch.setattr(explained, "UDP_TABLES", (table,))
    assert "No DHCP server runs on this machine" in why(server.luna, "node001")
    server.luna.change(lambda work: work.put(the_cluster(work).changed(frontend_addresses=["::1"])), "IPv6 alone")
    assert "DHCP server runs" not in why(server.luna, "node001")


def test_a_node_without_a_mac_could_not_boot(server: Any) -> None:
    said = why(server.luna, "node002")
    assert "node002 has never booted, and could not:" in said
    assert "interface BOOTIF has no MAC; 'luna node change node002 --mac' gives it" in said
