"""The boot server, or what it stands on, goes away while a node installs: the node is told nothing, and tells all."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from luna_core.run import run
from luna_core.testing.delivery import wait_until
from luna_core.testing.mongod import ReplicaSet

MakeSite = Callable[..., Any]
PHASES = ("partscript", "download", "unpack", "setnet", "finish")


@pytest.fixture
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("three"), members=3, election_timeout_ms=2_000) as running:
        yield running


def arrives(site: Any) -> None:
    """The node has the image, and everything that it did is known."""
    site.is_whole(site.tree)
    # What was told when the answer was lost is told again.
    assert {event for event in site.events() if event[0] in PHASES} == {
        (phase, status) for phase in PHASES for status in ("started", "done")
    }


def test_a_node_installs_on_while_it_is_away_and_tells_it_everything(make_site: MakeSite) -> None:
    site = make_site()
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    site.kill("lweb")
    site.kill_messenger()
    go.write_text("\n")
    site.says("finish done")
    site.start_lweb()
    arrives(site)


def test_the_primary_of_its_store_dies_and_then_another_controller_takes_its_address_over(
    make_site: MakeSite, three: ReplicaSet
) -> None:
    """The two controllers have the store in common, and nothing else that a boot needs."""
    site = make_site(three.url())
    go, second = site.hold(), site.directory / "second"
    os.mkfifo(second)
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    three.primary().kill()
    go.write_text("\n")
    wait_until(lambda: ("partscript", "started") in site.events(), "the new primary to have what the node says")
    site.kill("lweb")
    site.start_lweb()
    second.write_text("\n")
    arrives(site)
    assert site.luna("node list -o json").json[0]["state"] == "installed"


def test_the_disk_of_its_store_is_full_for_a_while(make_site: MakeSite) -> None:
    site = make_site()
    state, kept = site.directory / "state", site.directory / "moved"
    state.rename(kept)
    state.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=64m", "luna-test", state])
    try:
        run(["cp", "--archive", f"{kept}/.", state])
        go = site.hold()
        site.start_lweb()
        site.boot()
        site.says("prescript started")
        run(["sh", "-c", f"! cat /dev/zero > {state}/log"])
        go.write_text("\n")
        log = site.directory / "lweb.log"
        wait_until(lambda: "/boot/status" in log.read_text() and "the disk is full" in log.read_text(), "the refusal")
        (state / "log").unlink()
        arrives(site)
    finally:
        run(["umount", "--lazy", state])


@pytest.mark.parametrize("years", [1, -1])
def test_its_clock_is_set_right_by_a_year(make_site: MakeSite, years: int) -> None:
    """Sessions don't go by the time of day."""
    site = make_site()
    site.start_lweb()
    site.ask()
    (site.directory / "clock").write_text(str(years * 365 * 86400))
    site.start_agent()
    arrives(site)
