"""Units, user and files of a real installation; tests/installation/controller.sh is what was done there."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)  # it is installed from the package index first
LAYOUTS = ["whole", "each"]


def users(controller: Path, layout: str, command: str) -> set[str]:
    """The users whose processes have `command` in their command line."""
    lines = (controller / layout / "processes").read_text().splitlines()
    return {line.split()[0] for line in lines if command in line}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_network_is_served(controller: Path, layout: str) -> None:
    answers = {name: (controller / layout / name).read_text() for name in ("entry", "menu", "tftp", "file", "dns")}
    assert "/boot/discovery?" in answers["entry"]
    assert "menu luna: this machine" in answers["menu"]
    assert answers["tftp"] == "same\n"
    assert answers["file"] == f"file {layout}\n"
    assert answers["dns"] == "10.141.0.1\n"
    assert "10.141.0.1 node001" in (controller / layout / "dhcp").read_text()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_frames_may_vanish_on_the_way(controller: Path, layout: str) -> None:
    assert (controller / layout / "mtu").read_text() == "1\n"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_needs_no_root_has_none(controller: Path, layout: str) -> None:
    assert users(controller, layout, "luna_core.web") == {"luna"}
    assert users(controller, layout, "luna_transport_torrent.seeder") == {"luna"}
    assert users(controller, layout, "nginx") == {"nobody"}
    assert (controller / layout / "problems").read_text() == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_store_is_luna_s_alone_and_its_directory_is_root_s(controller: Path, layout: str) -> None:
    modes = {path: f"{user} {mode}" for user, mode, path in _stat(controller / layout / "modes")}
    assert modes["/var/lib/luna"] == "root 755"
    assert modes["/var/lib/luna/store"] == "luna 700"
    assert modes["/var/lib/luna/store/luna.key"] == "luna 600"
    assert {modes[path] for path in modes if path.startswith("/var/lib/luna/store/luna.db")} <= {"luna 600", "luna 640"}
    assert modes["/etc/luna/luna.toml"] == "root 640"


def test_root_and_the_user_change_one_store_and_nobody_else_sees_it(controller: Path) -> None:
    assert [one["name"] for one in json.loads((controller / "of_luna").read_text())] == ["node001", "node002"]
    assert json.loads((controller / "of_root").read_text())["comment"] == "written by luna"
    assert "Permission denied" in (controller / "outsider").read_text()


def test_doctor_finds_nothing_wrong_with_what_runs(controller: Path) -> None:
    found = json.loads((controller / "findings").read_text())
    checks = {one["check"]: one["status"] for one in found if one["check"].startswith(("store", "services"))}
    assert checks == {"store": "ok", "services": "ok"}


def test_https_is_switched_on_while_it_runs_and_its_keys_are_apart(controller: Path) -> None:
    assert (controller / "https").read_text() == "luna boot server\n"
    modes = {path.rpartition("/")[2]: f"{user} {mode}" for user, mode, path in _stat(controller / "keys")}
    assert modes == {"ca.key": "root 600", "ca.pem": "root 644", "lweb.key": "luna 600", "lweb.pem": "luna 644"}


def _stat(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def test_systemd_has_no_complaint_and_nothing_is_left_when_it_stops(controller: Path) -> None:
    assert (controller / "units").read_text() == ""
    left = (controller / "left").read_text()
    assert not [word for word in ("luna_", "dnsmasq", "named", "nginx") if word in left], left


def test_parts_are_restarted_alone_and_give_way_to_the_whole(controller: Path) -> None:
    assert (controller / "each/lweb").read_text() == "same\n"
    assert (controller / "each/beside").read_text() == "inactive\n"
