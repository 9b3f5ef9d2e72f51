"""Files come into force whole, checked, and only when they differ."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luna_core.drivers import load
from luna_core.errors import CommandFailed, LunaError
from luna_core.interfaces import NetworkService
from luna_core.services import update as module
from luna_core.services.update import next_serial, update
from luna_core.settings import MachineSettings
from luna_core.types import NetworkPlan, Service

DRIVERS = [
    ("luna.dhcp", "dnsmasq"),
    ("luna.dhcp", "isc"),
    ("luna.dhcp", "kea"),
    ("luna.dns", "bind"),
    ("luna.dns", "dnsmasq"),
]
SERIALS = st.integers(min_value=1, max_value=2**32 - 1)


class Written(NetworkService):
    """A server with a file for each host, and the serial in one more."""

    refused = False

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        hosts = {f"{host.name}.{host.network}.{host.address.version}": f"{host.address}\n" for host in plan.hosts}
        return {**hosts, "where": f"{directory}\n", "serial": f"{plan.serial}\n"}

    def check(self, directory: Path) -> None:
        assert (directory / "where").read_text() == f"{directory}\n", "the checked files name others"
        if self.refused:
            raise CommandFailed("checker exited with status 1:\nline 1: nonsense")

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        return []


class Damaged(NetworkService):
    """Another server, but with a line in its first file that it can't mean."""

    def __init__(self, other: NetworkService) -> None:
        self.other = other

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        files = dict(self.other.render(plan, directory))
        name = next(name for name in files if "conf" in name)
        return {**files, name: files[name] + "this is { nonsense\n"}

    def check(self, directory: Path) -> None:
        self.other.check(directory)

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        return self.other.services(plan, directory)


def content(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def without_first_host(plan: NetworkPlan) -> NetworkPlan:
    return replace(plan, hosts=plan.hosts[1:])


@pytest.mark.parametrize(("group", "name"), DRIVERS, ids=lambda one: one.removeprefix("luna."))
def test_what_a_daemon_refuses_leaves_the_old_files_in_force(
    group: Any, name: str, plan: NetworkPlan, directory: Path
) -> None:
    driver = load(group, name, MachineSettings())
    plan = replace(plan, cluster=replace(plan.cluster, settings={**plan.cluster.settings, "dhcp.interfaces": ("lo",)}))
    assert "node001" in update(driver, plan, directory / "files")
    before = content(directory / "files")
    with pytest.raises(CommandFailed, match="exited with status"):
        update(Damaged(driver), without_first_host(plan), directory / "files")
    assert content(directory / "files") == before
    assert update(driver, plan, directory / "files") == ""


def test_the_daemon_s_own_words_are_in_the_error(plan: NetworkPlan, directory: Path) -> None:
    driver = Written()
    driver.refused = True
    with pytest.raises(CommandFailed, match="line 1: nonsense"):
        update(driver, plan, directory / "files")
    assert not (directory / "files").exists()


def test_files_follow_the_plan_and_the_difference_is_told(plan: NetworkPlan, directory: Path) -> None:
    assert "+10.141.0.1" in update(Written(), plan, directory / "files")
    difference = update(Written(), without_first_host(plan), directory / "files")
    assert "-10.141.0.1" in difference
    assert "node001.cluster.4" not in content(directory / "files")
    generations = [path for path in directory.iterdir() if path.name.startswith(".files.")]
    assert len(generations) == 1, "old generations stay behind"


def test_the_serial_grows_only_with_a_change(plan: NetworkPlan, directory: Path) -> None:
    files = directory / "files"
    update(Written(), replace(plan, serial=7), files)
    assert content(files)["serial"] == "7\n"
    assert update(Written(), replace(plan, serial=9), files) == ""
    assert content(files)["serial"] == "7\n"
    update(Written(), replace(without_first_host(plan), serial=10), files)
    assert content(files)["serial"] == "10\n"
    update(Written(), replace(plan, serial=3), files)
    assert content(files)["serial"] == "11\n", "a store brought back from a backup must not turn the serial back"


def test_a_dry_run_only_tells(plan: NetworkPlan, directory: Path) -> None:
    assert "+10.141.0.1" in update(Written(), plan, directory / "files", dry_run=True)
    assert list(directory.iterdir()) == []


def test_somebody_else_s_directory_is_left_alone(plan: NetworkPlan, directory: Path) -> None:
    (directory / "files").mkdir()
    (directory / "files" / "precious").write_text("mine")
    with pytest.raises(LunaError, match="did not make"):
        update(Written(), plan, directory / "files")
    assert content(directory / "files") == {"precious": "mine"}


def test_a_crash_at_any_line_leaves_the_old_files_or_the_new(plan: NetworkPlan, directory: Path) -> None:
    files = directory / "files"
    old, new = replace(plan, serial=1), replace(without_first_host(plan), serial=2)
    update(Written(), old, files)
    before = content(files)
    crashes = 0
    while crash_at(crashes, new, files):
        crashes += 1
        if content(files) != before:
            break
    assert crashes > 20, "the crash came at no line of the writing"
    assert content(files).keys() == {*Written().render(new, files), ".serial"}
    while crash_at(crashes, new, files):
        crashes += 1
    assert update(Written(), new, files) == ""
    assert update(Written(), old, files), "what a crash left must not be in the way"


def crash_at(line: int, plan: NetworkPlan, directory: Path) -> bool:
    """Update in a child process that is gone without a trace at the given line; whether there was such a line."""
    child = os.fork()
    if child == 0:
        seen = 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal seen
            if frame.f_code.co_filename == module.__file__:
                seen += event == "line"
                if seen > line:
                    os._exit(9)
            return trace

        sys.settrace(trace)
        update(Written(), plan, directory)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@given(SERIALS, SERIALS)
def test_a_new_serial_is_greater_as_secondaries_compare(previous: int, planned: int) -> None:
    serial = next_serial(previous, planned)
    assert 1 <= serial < 2**32
    assert 0 < (serial - previous) % 2**32 < 2**31


@given(SERIALS)
def test_the_first_serial_is_the_planned_one(planned: int) -> None:
    assert next_serial(None, planned) == planned
