"""The model of storms is sane at its ends, and says how far it is from what was measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MEASURED = Path(__file__).parents[2] / "docs/images/storms.jsonl"


@pytest.fixture
def model(load: Callable[[str], ModuleType]) -> Any:
    return load("storm_model")


def times(model: Any, **values: Any) -> dict[str, float]:
    return {name: model.total_s(replace(cluster, **values)) for name, cluster in model.ways()}


def test_one_node_is_as_fast_in_any_way_and_whatever_its_rack(model: Any) -> None:
    alone = [time_s for uplink in (1.0, 4.0) for time_s in times(model, nodes=1, uplink=uplink).values()]
    assert max(alone) < 1.01 * min(alone)
    cluster = model.Cluster(nodes=1)
    both_s = (cluster.image_mb + cluster.boot_mb) * 8 / cluster.node_mbit
    assert min(alone) > cluster.kernel_s + both_s


def test_no_way_gets_faster_by_more_nodes_and_slower_uplinks(model: Any) -> None:
    for name, cluster in model.ways():
        sizes = [model.total_s(replace(cluster, nodes=nodes)) for nodes in (1, 2, 16, 40, 41, 80, 512, 4096, 16384)]
        assert sizes == sorted(sizes), name
        uplinks = [model.total_s(replace(cluster, nodes=512, uplink=uplink)) for uplink in (1.0, 4.0, 40.0, 400.0)]
        assert uplinks == sorted(uplinks), name
        assert uplinks[0] < uplinks[-1], f"{name}: whatever is fetched crosses an uplink"


def test_nobody_is_faster_than_what_the_boot_server_computes(model: Any) -> None:
    relays = model.Cluster(nodes=16384, relays=True)
    work_s = relays.nodes * model.SCRIPTS_MS / 1000 + model.progress_share(relays) * model.image_s(relays)
    assert model.total_s(relays) >= work_s


def test_storms_that_it_was_fitted_to_are_told_from_others(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = model.validated(MEASURED)
    fitted, larger = said.split(", ")
    assert fitted.endswith(" storms that it was fitted to")
    assert larger.endswith(" larger ones")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    small = sum(int(row[0]) <= model.FITTED_NODES and row[-1].endswith("%") for row in rows)
    large = sum(int(row[0]) > model.FITTED_NODES and row[-1].endswith("%") for row in rows)
    assert f" off {small} storms" in fitted
    assert f" off {large} larger" in larger


def test_a_storm_whose_links_were_as_fast_as_they_are_is_left_out(model: Any, tmp_path: Path) -> None:
    lines = MEASURED.read_text().splitlines()
    file = tmp_path / "storms.jsonl"
    file.write_text(lines[0] + "\n" + lines[0].replace('"mbit": 4.0', '"mbit": 0.0') + "\n")
    assert " off 1 storms" in model.validated(file)
