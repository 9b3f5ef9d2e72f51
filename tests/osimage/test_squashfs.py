import json
from typing import Any

Site = Any
WANTING = "has no squashfs for it; 'luna osimage change compute --squashfs' and 'luna osimage pack compute' make"


def test_an_image_has_a_squashfs_if_it_says_so(compute: Site) -> None:
    plain = compute.pack()
    assert plain["squashfs_bytes"] == 0
    compute.done("osimage change compute --squashfs")
    assert json.loads(compute.done("osimage pack compute --dry-run -o json").out)["squashfs_differs"] is True
    packed = compute.pack()
    assert (packed["version"], packed["squashfs_bytes"] > 0) == (2, True)
    assert packed["size_bytes"] == plain["size_bytes"], "the shards of the tree are the same"
    assert json.loads(compute.done("osimage pack compute --dry-run -o json").out)["squashfs_differs"] is False
    assert compute.pack()["is_new"] is False
    assert compute.done("osimage version verify compute").status == 0


def test_an_overlay_without_a_squashfs_is_warned_of_and_stops_the_boot(compute: Site) -> None:
    compute.pack()
    compute.done("network add cluster --network 10.141.0.0/16")
    compute.done("group interface add nodes BOOTIF --network cluster")
    compute.done("node add node001 --group nodes --mac 52:54:00:00:00:01")
    said = compute.done("group change nodes --root overlay")
    assert f"luna: group nodes: root: overlay was given, but version 1 of osimage compute {WANTING}" in said.err
    assert f"node node001: root: overlay was given, but version 1 of osimage compute {WANTING}" in (
        compute.done("why node001").out
    )
    assert compute.done("group change nodes --comment x").err == ""
    compute.done("osimage change compute --squashfs")
    compute.pack()
    assert compute.done("node change node001 --root overlay").err == ""
    assert "node001: root: overlay" in compute.done("node change node001 --image-version 1").err
    assert WANTING not in compute.done("node change node001 --unset image-version").err
    assert "squashfs" not in compute.done("why node001").out
