"""Two controllers with one store."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import Conflict
from luna_core.model import OsImage
from luna_core.operations import Luna, connect
from luna_core.operations.images import lease as leases
from luna_core.settings import machine_settings
from luna_core.testing.delivery import wait_until

Site = Any


@pytest.fixture
def other(tmp_path: Path) -> Callable[[], Luna]:
    """Another controller, which has a state of its own."""
    mine = machine_settings()
    return lambda: connect(replace(mine, state_directory=tmp_path / "another", store=mine.store))


def held(luna: Luna) -> Mapping[str, Any]:
    (record,) = luna.look(lambda one: one.fetch("lease"))
    return record.body


def image_id(luna: Luna) -> str:
    return luna.read(lambda work: work.get(OsImage, "compute").id)


def test_while_one_packs_the_other_is_told_so(compute: Site, other: Callable[[], Luna]) -> None:
    with other() as luna, leases.lease(luna, image_id(luna), "compute", "packing osimage compute"):
        refused = compute("osimage pack compute")
        assert refused.status == 1
        assert "another is packing osimage compute. Try again later." in refused.err
        assert compute("osimage version list compute").status == 0
    assert compute.pack()["version"] == 1


def test_what_a_crash_left_is_free_again(
    compute: Site, other: Callable[[], Luna], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os\nfrom luna_core.operations import connect\nfrom luna_core.operations.images.lease import lease\n"
        "luna = connect()\nheld = lease(luna, '{}', 'compute', 'packing')\nheld.__enter__()\nos._exit(9)\n"
    )
    with other() as luna:
        identity = image_id(luna)
        assert compute.python(code.format(identity)) == 9
        with pytest.raises(Conflict, match=os.path.basename(compute.state)):
            leases.lease(luna, identity, "compute", "packing").__enter__()
    assert compute.pack()["version"] == 1, "on the machine that crashed"
    monkeypatch.setattr(leases, "LIFETIME", timedelta(0))
    with connect() as mine, other() as luna:
        first, second = (leases.lease(one, identity, "compute", "packing") for one in (mine, luna))
        with first, second:
            assert held(luna)["machine"].endswith("another")
        assert luna.look(lambda one: one.fetch("lease")) == []


def test_it_is_renewed_while_the_work_goes_on(compute: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    with connect() as luna, leases.lease(luna, image_id(luna), "compute", "packing"):
        first = held(luna)["until"]
        monkeypatch.setattr(leases, "LIFETIME", timedelta(hours=1))
        wait_until(lambda: held(luna)["until"] > first, "a later end of the lease")


@pytest.mark.parametrize(("ahead", "status"), [(timedelta(minutes=50), 1), (timedelta(days=365), 0)])
def test_what_a_controller_left_whose_clock_was_a_year_ahead_holds_up_nobody(
    compute: Site, other: Callable[[], Luna], monkeypatch: pytest.MonkeyPatch, ahead: timedelta, status: int
) -> None:
    right = leases.LIFETIME
    monkeypatch.setattr(leases, "LIFETIME", right + ahead)
    with other() as luna, leases.lease(luna, image_id(luna), "compute", "packing"):
        monkeypatch.setattr(leases, "LIFETIME", right)
        assert compute("osimage pack compute").status == status
