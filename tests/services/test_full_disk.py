"""What DHCP and DNS are told can't be written, for the disk is full."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.run import run
from luna_core.services.network import NetworkServices
from luna_core.services.state import make_state_directory
from luna_core.settings import MachineSettings
from luna_core.types import NetworkPlan


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    run(["mount", "-t", "tmpfs", "-o", "size=1m", "luna-test", tmp_path])
    yield tmp_path
    run(["umount", tmp_path])


def test_what_runs_goes_on_and_starts_again_with_the_files_that_are_there(plan: NetworkPlan, small: Path) -> None:
    settings = MachineSettings(state_directory=small)
    before = NetworkServices(settings).refresh(plan)
    assert [one.name for one in before.services] == ["dhcp", "dns"]
    run(["sh", "-c", f"! cat /dev/zero > {small}/log"])
    changed = replace(plan, hosts=())
    restarted = NetworkServices(settings)
    found = restarted.refresh(changed)
    assert found.services == before.services
    assert not found.is_whole
    assert ["No space left on device" in one for one in found.problems] == [True, True]
    (small / "log").unlink()
    found = restarted.refresh(changed)
    assert (found.is_whole, found.problems, found.reloaded) == (True, (), {"dhcp", "dns"})


def test_one_that_cannot_make_its_directory_keeps_no_other_from_starting(plan: NetworkPlan, small: Path) -> None:
    settings = MachineSettings(state_directory=small)
    NetworkServices(settings).refresh(plan)
    state = make_state_directory(small / "services/dhcp")
    shutil.rmtree(state)
    files = os.statvfs(small)
    run(["mount", "-o", f"remount,nr_inodes={files.f_files - files.f_ffree}", small])
    restarted = NetworkServices(settings)
    found = restarted.refresh(plan)
    assert [one.name for one in found.services] == ["dns"]
    assert (len(found.problems), found.is_whole) == (1, False)
    assert f"No space left on device: '{state}'" in found.problems[0]
    run(["mount", "-o", "remount,nr_inodes=1000", small])
    assert [one.name for one in restarted.refresh(plan).services] == ["dhcp", "dns"]
