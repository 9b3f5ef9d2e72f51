"""Which disk is meant: one that is like the layout says, and no other."""

from dataclasses import replace
from typing import Any

import pytest

from luna_core.node.disks.choose import Refused, choose
from luna_core.node.disks.inventory import Inventory

TIB = 1 << 40


def layout_of(read: Any, *disks: dict[str, Any]) -> Any:
    made = {
        f"d{number}": {**one, "partitions": [{"name": f"p{number}", "size": "1G"}]} for number, one in enumerate(disks)
    }
    return read({"disks": made})


@pytest.fixture
def found(blank: Any) -> Inventory:
    return Inventory(
        disks=(
            blank("/dev/sdaa", "C3", size_bytes=2 * TIB, model="WDC WD20"),
            blank("/dev/sda", "A1", model="SAMSUNG MZ7", links=("/dev/disk/by-path/pci-1",)),
            blank("/dev/sdb", "B2", model="SAMSUNG MZ7"),
            blank("/dev/sdz", "USB", explicit=True),
        )
    )


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"serial": "B2"}, "/dev/sdb"),
        ({"path": "/dev/sdb"}, "/dev/sdb"),
        ({"path": "/dev/disk/by-path/pci-1"}, "/dev/sda"),
        ({"model": "WDC*"}, "/dev/sdaa"),
        ({"size": ">=1T <3T"}, "/dev/sdaa"),
        ({"model": "SAMSUNG*", "serial": "A1"}, "/dev/sda"),
        ({"serial": "USB"}, "/dev/sdz"),
    ],
    ids=str,
)
def test_a_disk_is_known_by_what_is_given(read: Any, found: Inventory, match: dict[str, str], path: str) -> None:
    assert choose(layout_of(read, {"match": match}), found)["d0"].path == path


def test_several_that_fit_are_refused_and_the_first_is_taken_where_asked(read: Any, found: Inventory) -> None:
    several = {"match": {"model": "SAMSUNG*"}}
    with pytest.raises(Refused, match=r"2 disks fit 'd0' \(model SAMSUNG\*\): /dev/sda .*, /dev/sdb .* first: true"):
        choose(layout_of(read, several), found)
    chosen = choose(layout_of(read, {**several, "first": True}, {"match": {"serial": "A1"}}), found)
    assert {name: one.path for name, one in chosen.items()} == {"d0": "/dev/sdb", "d1": "/dev/sda"}


def test_the_first_of_all_is_by_name_and_never_a_removable_one(read: Any, found: Inventory) -> None:
    chosen = choose(layout_of(read, *[{"first": True}] * 3), found)
    assert [one.path for one in chosen.values()] == ["/dev/sda", "/dev/sdb", "/dev/sdaa"]
    with pytest.raises(Refused, match=r"No unused disk fits 'd3' \(any disk\); there are: /dev/sdz \(serial USB"):
        choose(layout_of(read, *[{"first": True}] * 4), found)


def test_the_first_disk_stays_the_one_that_it_was_when_names_change(read: Any, blank: Any) -> None:
    layout = layout_of(read, {"first": True}, {"first": True})
    one, two = (replace(blank(""), table="gpt", table_id=layout.table_id(name)) for name in ("d0", "d1"))
    swapped = Inventory(disks=(replace(two, path="/dev/nvme0n1"), replace(one, path="/dev/nvme1n1")))
    assert [disk.path for disk in choose(layout, swapped).values()] == ["/dev/nvme1n1", "/dev/nvme0n1"]
    added = Inventory(disks=(replace(two, path="/dev/sda"), blank("/dev/sdb")))
    assert [disk.path for disk in choose(layout, added).values()] == ["/dev/sdb", "/dev/sda"], "in the place of d0"
