"""Layouts that administrators write: what is wrong is said, and nothing is stored."""

from collections.abc import Callable
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.model import Group

Change = Callable[[Any], Any]


def parts(it: Any) -> Any:
    return it["disks"]["one"]["partitions"]


def volume(it: Any) -> Any:
    return it["volume_groups"]["vg0"]["volumes"][0]


def one_disk(it: Any) -> None:
    parts(it).append({"name": "pv3", "size": "1G"})
    it["raids"]["data"]["members"] = ["pv1", "pv3"]


MISTAKES: list[tuple[str, Change, str]] = [
    ("unknown field", lambda it: parts(it)[0].update(color="red"), "one.partitions.0.color: there is no such field; "),
    ("size", lambda it: parts(it)[0].update(size="2X"), "'2X' was given; accepted is a size as in 256M"),
    ("no disk", lambda it: it["disks"].clear(), "accepted are disks, one at least"),
    ("no partition", lambda it: parts(it).clear(), "accepted as disks.one.partitions is one at least"),
    ("no match", lambda it: it["disks"]["one"]["match"].clear(), "one at least, or first: true"),
    ("size of a disk", lambda it: it["disks"]["one"]["match"].update(size="400G"), "conditions as in '>=400G'"),
    ("path of a disk", lambda it: it["disks"]["one"]["match"].update(path="sda"), "accepted is a path below /dev"),
    ("name twice", lambda it: parts(it).append({"name": "root2", "size": "1G"}), "not root2 for several"),
    ("array's name", lambda it: parts(it).append({"name": "data", "size": "1G"}), "not data for several"),
    ("rest twice", lambda it: parts(it)[0].update(size="rest"), "rest for one of disks.one, not for root1 and pv1"),
    ("unknown member", lambda it: it["raids"]["data"]["members"].append("pv3"), "raids.data.members are .*, not pv3"),
    ("member twice", lambda it: it["raids"]["data"].update(members=["root1", "pv2"]), "not root1 in several"),
    ("one member", lambda it: it["raids"]["data"].update(members=["pv1"]), "are 2 at least, not 1"),
    ("one disk", one_disk, "different disks, not several of one"),
    ("level", lambda it: it["raids"]["data"].update(level=5), "5 was given; accepted is 0, 1 or 10"),
    ("format of a member", lambda it: parts(it)[0].update(format="ext4"), "not root1 with ext4"),
    ("two roots", lambda it: it["volume_groups"]["vg0"]["volumes"][0].update(mount="/"), "mount: /, not several"),
    ("relative", lambda it: it["raids"]["system"].update(mount="data"), "'data' was given; accepted is an absolute"),
    ("upwards", lambda it: it["raids"]["system"].update(mount="/a/../b"), "accepted is an absolute path"),
    ("mount alone", lambda it: it["raids"]["data"].update(mount="/data"), "accepted with mount is a format as well"),
    ("swap's mount", lambda it: it["raids"]["system"].update(format="swap"), "accepted for swap are no mount"),
    ("label", lambda it: it["raids"]["system"].update(label="a" * 17), "at most 16 characters on ext4"),
    ("efi", lambda it: parts(it).append({"name": "efi", "type": "efi", "size": "1G"}), "efi is format: vfat"),
    ("cipher", lambda it: it["raids"]["system"].update(encrypt="aes"), "'aes' was given; accepted is 'key' or 'tpm'"),
    ("member", lambda it: parts(it)[0].update(encrypt="key"), "with encrypt is a format as well: members are not"),
    (
        "encrypted efi",
        lambda it: it["raids"]["system"].update(format="vfat", mount="/boot/efi", encrypt="key"),
        "without encrypt is .*, /boot/efi",
    ),
    ("encrypted boot", lambda it: volume(it).update(mount="/boot", encrypt="key"), "without encrypt is .*, /boot"),
    ("no boot", lambda it: it["raids"]["system"].update(encrypt="tpm"), "encrypt: tpm of / is a /boot of its own"),
    ("bios", lambda it: parts(it)[0].update(type="bios"), "raids.system.members are .*, not root1"),
]


@pytest.mark.parametrize(("change", "said"), [one[1:] for one in MISTAKES], ids=[one[0] for one in MISTAKES])
def test_a_mistake_is_named(mirrored: Any, change: Change, said: str) -> None:
    change(mirrored)
    with pytest.raises(BadInput, match=f"^group storage: disks.*{said}"):
        Group.new(name="storage", disks=mirrored)


def test_layouts_are_kept_as_they_were_written(simple: Any, mirrored: Any) -> None:
    for document in (simple, mirrored):
        assert Group.load(Group.new(name="storage", disks=document).body()).body()["disks"] == document
