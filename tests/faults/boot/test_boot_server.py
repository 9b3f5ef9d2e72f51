"""The boot server, or what it stands on, goes away while a node installs: the node is told nothing, and tells all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luna_core.testing.mongod import ReplicaSet

MakeSite = Callable[..., Any]
PHASES = ("prescript", "partscript", "download", "unpack", "setnet", "finish")


@pytest.fixture
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("three"), members=3, election_timeout_ms=2_000) as running:
        yield running


def arrives(site: Any) -> None:
    """The node has the image, and everything that it did is known, once."""
    site.is_whole(site.tree)
    assert sorted(site.events()) == sorted([("script", "done"), *((one, two) for one in PHASES for two in BOTH)])


BOTH = ("started", "done")


def test_a_node_installs_on_while_it_is_away_and_tells_it_everything(make_site: MakeSite) -> None:
    site = make_site()
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    site.kill("lweb")
    go.write_text("\n")
    site.says("finish done")
    site.start_lweb()
    arrives(site)


def test_the_primary_of_its_store_dies(make_site: MakeSite, three: ReplicaSet) -> None:
    site = make_site(three.url())
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    three.primary().kill()
    go.write_text("\n")
    arrives(site)
    assert site.luna("node list -o json").json[0]["state"] == "installed"


def test_another_controller_takes_its_address_over(make_site: MakeSite, replica_set: ReplicaSet) -> None:
    """Both have the store in common, and nothing else that a boot needs."""
    site = make_site(replica_set.url("takeover"))
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    site.kill("lweb")
    site.start_lweb()
    go.write_text("\n")
    arrives(site)


@pytest.mark.parametrize("years", [1, -1])
def test_its_clock_is_set_right_by_a_year(make_site: MakeSite, years: int, tmp_path: Path) -> None:
    """A node whose session seems to be half an hour old begins anew, and then installs."""
    site = make_site()
    go = site.hold()
    site.start_lweb()
    site.boot()
    site.says("prescript started")
    (tmp_path / "clock").write_text(str(years * 365 * 86400))
    go.write_text("\n")
    if years > 0:
        site.says("reboot")
        site.kill("agent")
        site.boot()
        site.says("prescript started", times=2)
        go.write_text("\n")
    arrives(site)
