import json
import os
import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.versions import check_version
from luna_core.node.manifest import MANIFEST_NAME

Site = Any


@pytest.fixture
def two(compute: Site) -> Site:
    """`compute` with two versions, the second in force."""
    compute.pack()
    (compute.tree / "etc/motd").write_text("hello")
    compute.pack()
    return compute


def stop_at(site: Site, place: str) -> None:
    """Kill a pack when it comes to a function, given as `module.name`."""
    module, _, name = place.rpartition(".")
    done = site.python(
        f"import os, {module} as module\nmodule.{name} = lambda *_, **__: os._exit(9)\n"
        "from luna_core.cli.main import run; run(['osimage', 'pack', 'compute'])"
    )
    assert done == 9


def test_the_list_says_what_is_in_force_and_who_uses_what(two: Site) -> None:
    two.done("group change nodes --image-version 1")
    rows = two.done("osimage version list compute -o json").json
    assert [(row["number"], row["in_force"]) for row in rows] == [(1, False), (2, True)]
    assert rows[0]["used_by"] == ["group nodes"]
    assert rows[1]["used_by"] == ["osimage compute, in which it is in force"]
    two.done("osimage add other --path /srv/other")
    assert "luna osimage pack other" in two.done("osimage version list other").err


def test_another_image_s_pins_are_not_this_one_s(two: Site) -> None:
    two.done("osimage clone compute other")
    two.pack("other")
    two.done("group add others --osimage other --image-version 1")
    assert two.done("osimage version list compute -o json").json[0]["used_by"] == []


def test_rolling_back_puts_a_version_in_force_and_offers_it(two: Site) -> None:
    first = two.done("osimage version list compute -o json").json[0]["manifest_sha256"]
    (two.state / "public/images" / first).unlink()
    two.done("osimage version rollback compute 1")
    assert two.in_force() == 1
    assert first in two.offered()
    two.done("undo")
    assert two.in_force() == 2


def test_a_version_without_files_can_t_come_in_force(two: Site) -> None:
    first = two.done("osimage version list compute -o json").json[0]["manifest_sha256"]
    (two.state / "images" / first / MANIFEST_NAME).unlink()
    refused = two("osimage version rollback compute 1")
    assert (refused.status, two.in_force()) == (1, 2)
    assert first in refused.err


def test_deleting(two: Site) -> None:
    two.done("osimage version delete compute 1")
    assert two.versions() == [2]
    assert two.offered() == two.directories() == two.manifests()
    assert len(two.directories()) == 1


def test_what_can_t_be_is_refused_by_name(two: Site) -> None:
    two.done("group change nodes --image-version 1")
    for line, said in (
        ("delete compute 2", "it is used by osimage compute, in which it is in force"),
        ("delete compute 1", "it is used by group nodes"),
        ("delete compute 7", "version 7 was given; accepted are 1, 2"),
        ("rollback compute 7", "version 7 was given; accepted are 1, 2"),
        ("pin compute 0", "0 is not in the range"),
        ("verify nothing", "no osimage 'nothing'"),
    ):
        refused = two(f"osimage version {line}")
        assert (refused.status, said in refused.err) == (2, True), refused.err
    assert (two.versions(), two.in_force()) == ([1, 2], 2)


def test_a_plugin_that_won_t_withdraw_stops_the_deletion(two: Site, drop_in: Callable[[str], None]) -> None:
    drop_in("@hookimpl\ndef luna_transport_withdraw(version):\n    raise RuntimeError('busy')\n")
    refused = two("osimage version delete compute 1")
    assert (refused.status, "busy" in refused.err) == (1, True)
    assert two.versions() == [1, 2]
    assert two.directories() == two.manifests()


def test_damage_is_found_and_packing_again_mends_it(two: Site) -> None:
    assert two.done("osimage version verify compute").status == 0
    newest = two.done("osimage version list compute -o json").json[1]["manifest_sha256"]
    kernel = two.state / "images" / newest / "kernel"
    kernel.unlink()
    found = two("osimage version verify compute 2")
    assert (found.status, "kernel" in found.out) == (1, True)
    assert "kernel" in json.loads(two("osimage version verify compute 2 -o json").out)[0]["problem"]
    two.pack()
    assert two.done("osimage version verify compute -o json").json == []


@pytest.mark.parametrize("place", ["luna_core.operations.images.pack._put_in_force", "luna_core.image.pack.publish"])
def test_a_pack_that_is_killed_leaves_the_version_in_force_and_rubbish_for_sweep(two: Site, place: str) -> None:
    (two.tree / "etc/motd").write_text("never in force")
    stop_at(two, place)
    assert (two.in_force(), two.versions()) == (2, [1, 2])
    two.done("osimage sweep")
    assert two.offered() == two.directories() == two.manifests()
    assert [one.name for one in (two.state / "images").iterdir() if one.name.startswith(".unfinished")] == []
    assert "nothing to delete" in two.done("osimage sweep").out
    assert two.pack()["version"] == 3


def test_kill_minus_nine_at_any_moment(two: Site) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    for number in range(10):
        (two.tree / "etc/motd").write_text(f"round {number}")
        packing = two.start("osimage", "pack", "compute")
        with suppress(subprocess.TimeoutExpired):
            packing.communicate(timeout=chance.uniform(0.1, 3.0))
        packing.kill()
        packing.communicate()
        rows = two.done("osimage version list compute -o json").json
        (in_force,) = (row for row in rows if row["in_force"])
        assert check_version(two.state / "images" / in_force["manifest_sha256"]) == []
        assert in_force["manifest_sha256"] in two.offered()
    last = two.pack()
    two.done("osimage sweep")
    assert two.in_force() == last["version"]
    assert two.offered() == two.directories() == two.manifests()


def test_sweep_removes_trees_that_were_never_finished(compute: Site) -> None:
    left = compute.state / "trees/.compute.luna-crashed"
    (left / "etc").mkdir(parents=True)
    assert str(left) in compute.done("osimage sweep").out
    assert not left.exists()


def test_sweep_waits_for_a_pack(two: Site, drop_in: Callable[[str], None], tmp_path: Path) -> None:
    (two.tree / "etc/motd").write_text("third")
    os.mkfifo(tmp_path / "go")
    os.mkfifo(tmp_path / "there")
    drop_in(
        "@hookimpl\ndef luna_transport_publish(version):\n"
        f"    open('{tmp_path}/there', 'w').close()\n    open('{tmp_path}/go').close()\n"
    )
    packing = two.start("osimage", "pack", "compute")
    (tmp_path / "there").open().close()
    for line in ("osimage sweep", "osimage version delete compute 1"):
        refused = two(line)
        assert (refused.status, "is packing osimage compute" in refused.err) == (1, True), line
    (tmp_path / "go").open("w").close()
    assert packing.wait(60) == 0
    assert two.in_force() == 3


def test_a_deleted_version_does_not_come_back_without_its_files(compute: Site) -> None:
    compute.pack()
    (compute.tree / "etc/motd").write_text("hello")
    compute.pack()
    compute.done("osimage version delete compute 1")
    refused = compute("undo")
    assert refused.status == 2
    assert "image version compute-1 can't come back: its files were deleted with it" in refused.err
    assert compute.versions() == [2]
    compute.done("osimage version pin compute 2")
    compute.done("undo")
    assert not json.loads(compute.done("osimage version list compute -o json").out)[0]["pinned"]
