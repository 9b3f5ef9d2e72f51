"""What luna would do with disks, by what is on them: what is the layout's is used again, what is foreign is refused."""

from dataclasses import replace
from typing import Any

import pytest

from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import UNSTARTED, Content, FoundPartition, Inventory, read_inventory
from luna_core.node.disks.plan import plan

GIB = 1 << 30
WRITES = r"^(sfdisk|mkfs|mkswap|wipefs|mdadm --create|lvm (pv|vg|lv)create)"


def on(*disks: Any) -> Inventory:
    return Inventory(disks=disks)


def changed(inventory: Inventory, number: int = 0, **values: Any) -> Inventory:
    """The inventory with another disk of that number."""
    disks = list(inventory.disks)
    disks[number] = replace(disks[number], **values)
    return replace(inventory, disks=tuple(disks))


def test_a_blank_disk_gets_table_file_systems_and_swap(simple: Any, read: Any, blank: Any, commands: Any) -> None:
    planned = plan(read(simple), on(blank()))
    table, _ = [step.stdin.splitlines() for step in planned.steps if step.command[0] == "sfdisk"]
    assert table[0] == "label: gpt"
    assert table[2] == 'start=1MiB, size=1MiB, type=21686148-6449-6e6f-744e-656564454649, name="luna-bios"'
    assert table[5].startswith("start=3074MiB, size=7165MiB,"), "the rest, but for a MiB at either end"
    assert table[5].endswith('name="luna-scratch", attrs="GUID:57"'), "what is to be kept isn't finished yet"
    assert commands(read(simple), on(blank()), "^(mk|sfdisk)")[1:] == [
        "mkfs.ext4 -q -F /dev/sda2",
        "mkswap /dev/sda3",
        "mkfs.xfs -q -f /dev/sda4",
        "sfdisk --quiet --no-tell-kernel --part-attrs /dev/sda 4 GUID:56",
    ]


def test_partitions_of_disks_whose_names_end_in_digits_are_called_so(
    simple: Any, read: Any, blank: Any, commands: Any
) -> None:
    assert "mkfs.ext4 -q -F /dev/nvme0n1p2" in commands(read(simple), on(blank("/dev/nvme0n1")))


def test_a_second_installation_keeps_what_is_to_be_kept(simple: Any, read: Any, installed: Any, commands: Any) -> None:
    layout = read(simple)
    found = installed(layout)
    assert not commands(layout, found, "sfdisk"), "the table is as it is to be"
    assert commands(layout, found, "^mk") == ["mkfs.ext4 -q -F /dev/sda2", "mkswap /dev/sda3"]
    assert not commands(layout, found, "/dev/sda4")
    assert [one.fate for one in plan(layout, found).items] == ["used", "used", "used", "used", "kept"]


def test_what_is_to_be_kept_but_is_not_there_is_made(simple: Any, read: Any, installed: Any, commands: Any) -> None:
    layout = read(simple)
    found = installed(layout)
    *others, scratch = found.disks[0].partitions
    empty = changed(found, partitions=(*others, replace(scratch, content=Content())))
    assert commands(layout, empty, "sda4|sda 4") == [
        "sfdisk --quiet --no-tell-kernel --part-attrs /dev/sda 4 GUID:57",
        "wipefs --all --quiet /dev/sda4",
        "mkfs.xfs -q -f /dev/sda4",
        "sfdisk --quiet --no-tell-kernel --part-attrs /dev/sda 4 GUID:56",
    ]


def test_a_volume_and_an_array_on_which_what_is_kept_is_not_yet_made_are_marked_so(
    mirrored: Any, read: Any, installed: Any, commands: Any
) -> None:
    mirrored["raids"]["system"] |= {"mount": "/data", "keep": True}
    layout = read(mirrored)
    found = installed(layout)
    system, data = found.arrays
    var, scratch = found.groups[0].volumes
    group = replace(found.groups[0], volumes=(var, replace(scratch, content=Content())))
    empty = replace(found, arrays=(replace(system, content=Content()), data), groups=(group,))
    marks = [line.split(maxsplit=1)[1] for line in commands(layout, empty, "mkfs|--part-attrs|lvchange")]
    assert marks == [
        "--quiet --no-tell-kernel --part-attrs /dev/sda 1 GUID:57",
        "--quiet --no-tell-kernel --part-attrs /dev/sdb 1 GUID:57",
        "lvchange --addtag luna_unfinished --deltag luna_keep vg0/scratch",
        "-q -F /dev/md/system",
        "-q -F /dev/vg0/var",
        "-q -f /dev/vg0/scratch",
        "--quiet --no-tell-kernel --part-attrs /dev/sda 1 GUID:56",
        "--quiet --no-tell-kernel --part-attrs /dev/sdb 1 GUID:56",
        "lvchange --addtag luna_keep --deltag luna_unfinished vg0/scratch",
    ]


def test_what_need_not_be_kept_any_more_is_not_marked_any_more(
    mirrored: Any, read: Any, installed: Any, commands: Any
) -> None:
    found = installed(read(mirrored))
    del mirrored["volume_groups"]["vg0"]["volumes"][1]["keep"]
    assert "lvm lvchange --deltag luna_unfinished --deltag luna_keep vg0/scratch" in commands(read(mirrored), found)
    assert "attrs" not in "".join(step.stdin for step in plan(read(mirrored), found).steps)


def test_a_changed_layout_is_written_around_what_is_kept(simple: Any, read: Any, installed: Any, commands: Any) -> None:
    found = installed(read(simple))
    root, swap = simple["disks"]["system"]["partitions"][1:3]
    root["size"], swap["size"] = "1G", "2G"
    assert commands(read(simple), found, "sfdisk")
    assert not commands(read(simple), found, "(wipefs|mkfs).*/dev/sda4")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda parts: parts[1].update(size="3G"), "would move from 7G after 3G to 6G after 4G"),
        (lambda parts: parts[3].update(format="ext4"), "is to be kept, but the layout has ext4 there"),
        (lambda parts: parts.pop(3), "made to be kept, and the layout doesn't have 'scratch' any more"),
        (lambda parts: parts.insert(0, {"name": "new", "size": "1M"}), "is to be kept, but would move"),
    ],
    ids=["moved", "another format", "gone", "another number"],
)
def test_what_is_kept_is_not_lost_by_a_changed_layout(
    simple: Any, read: Any, installed: Any, change: Any, sentence: str
) -> None:
    found = installed(read(simple))
    change(simple["disks"]["system"]["partitions"])
    with pytest.raises(Refused, match=r"/dev/sda4 \(xfs\) named luna-scratch on /dev/sda .*") as refused:
        plan(read(simple), found)
    assert sentence in str(refused.value)


def test_without_keep_a_changed_layout_takes_all(simple: Any, read: Any, installed: Any, commands: Any) -> None:
    found = installed(read(simple))
    parts = simple["disks"]["system"]["partitions"]
    parts[1]["size"] = "3G"
    del parts[3]["keep"]
    assert "wipefs --all --quiet /dev/sda4" in commands(read(simple), found)


FOREIGN = [
    ({"content": Content(type="ext4", label="precious")}, "ext4 'precious'"),
    ({"content": Content(type="LVM2_member")}, "LVM2_member"),
    (
        {
            "table": "dos",
            "partitions": (
                FoundPartition(path="/dev/sda1", start_bytes=1 << 20, size_bytes=GIB, content=Content(type="ntfs")),
            ),
        },
        r"a partition table \(dos\) with /dev/sda1 \(ntfs\)",
    ),
]


@pytest.mark.parametrize(("facts", "sentence"), FOREIGN, ids=["file system", "LVM", "partitions"])
def test_a_disk_with_foreign_data_is_refused_unless_it_may_be_wiped(
    simple: Any, read: Any, blank: Any, commands: Any, facts: Any, sentence: str
) -> None:
    found = on(blank(**facts))
    with pytest.raises(Refused, match=rf"/dev/sda \(serial A1, .*\) for 'system' holds {sentence}, of which"):
        plan(read(simple), found)
    simple["disks"]["system"]["wipe"] = True
    assert commands(read(simple), found, "sfdisk")
    assert [one.wiped for one in plan(read(simple), found).items if one.kind == "disk"] != [""]


def test_a_disk_of_another_node_is_foreign(simple: Any, read: Any, installed: Any) -> None:
    found = installed(replace(read(simple), node_id="node-2"))
    with pytest.raises(Refused, match="holds a partition table"):
        plan(read(simple), found)


def test_a_partition_that_somebody_added_is_foreign(simple: Any, read: Any, installed: Any) -> None:
    found = installed(read(simple))
    added = FoundPartition(path="/dev/sda5", name="mine", start_bytes=9 * GIB, size_bytes=1 << 20)
    with pytest.raises(Refused, match="/dev/sda5 named mine"):
        plan(read(simple), changed(found, partitions=(*found.disks[0].partitions, added)))


def test_what_is_to_be_kept_does_not_go_with_a_partition_that_somebody_added(
    simple: Any, read: Any, installed: Any, commands: Any
) -> None:
    there = installed(read(simple))
    added = FoundPartition(path="/dev/sda5", name="mine", start_bytes=9 * GIB, size_bytes=1 << 20)
    found = changed(there, partitions=(*there.disks[0].partitions, added))
    simple["disks"]["system"]["wipe"] = True
    with pytest.raises(Refused, match=r"sda4 \(xfs\) named luna-scratch, which is to be kept, .* /dev/sda5 named mine"):
        plan(read(simple), found)
    del simple["disks"]["system"]["partitions"][3]["keep"]
    assert "wipefs --all --quiet /dev/sda5" in commands(read(simple), found)


def test_a_disk_in_use_is_refused_even_if_it_may_be_wiped(simple: Any, read: Any, blank: Any) -> None:
    simple["disks"]["system"]["wipe"] = True
    with pytest.raises(Refused, match="is in use, mounted at /mnt"):
        plan(read(simple), on(blank(mounted=("/mnt",))))


def test_a_disk_that_is_too_small_is_refused(simple: Any, read: Any, blank: Any) -> None:
    with pytest.raises(Refused, match="too small for 'system': its partitions take 3G of 3"):
        plan(read(simple), on(blank(size_bytes=3 * GIB + (3 << 20))))


# ------------------------------------------------------------------------------------------------- arrays and volumes


def test_arrays_and_volumes_are_made_below_what_is_on_them(mirrored: Any, read: Any, blank: Any, commands: Any) -> None:
    found = commands(read(mirrored), on(blank(), blank("/dev/sdb", "B2")), "^(sfdisk|mdadm|lvm|mkfs)")
    programs = " ".join(line.split()[0] for line in found)
    made = "sfdisk sfdisk mdadm mdadm lvm lvm lvm lvm mkfs.ext4 mkfs.ext4 mkfs.xfs"
    assert programs == f"{made} sfdisk sfdisk lvm", "and marked as to be kept"
    assert found[2].endswith("--level=1 --raid-devices=2 --bitmap=internal /dev/sda1 /dev/sdb1")
    assert found[7].endswith("--addtag luna_unfinished --extents 100%FREE --name scratch vg0")


def test_what_firmware_reads_has_its_superblock_at_the_end(mirrored: Any, read: Any, blank: Any, commands: Any) -> None:
    mirrored["raids"]["system"] |= {"format": "vfat", "mount": "/boot/efi"}
    (made,) = commands(read(mirrored), on(blank(), blank("/dev/sdb", "B2")), "--create /dev/md/system")
    assert "--metadata=1.0" in made


def test_whole_arrays_and_volumes_are_used_again(mirrored: Any, read: Any, installed: Any, commands: Any) -> None:
    layout = read(mirrored)
    found = installed(layout)
    assert commands(layout, found, "^(sfdisk|mdadm|lvm|mkfs)") == [
        "mdadm --assemble /dev/md/system --run /dev/sda1 /dev/sdb1",
        "mdadm --assemble /dev/md/data --run /dev/sda2 /dev/sdb2",
        "lvm vgchange --activate y vg0",
        "mkfs.ext4 -q -F /dev/md/system",
        "mkfs.ext4 -q -F /dev/vg0/var",
    ]
    assert not commands(layout, found, "wipefs .*/dev/sd")


def test_a_replaced_disk_is_taken_into_the_array_that_is_kept(
    mirrored: Any, read: Any, installed: Any, blank: Any, commands: Any
) -> None:
    layout = read(mirrored)
    found = installed(layout)
    arrays = tuple(replace(one, members=one.members[:1]) for one in found.arrays)
    replaced = replace(found, disks=(found.disks[0], blank("/dev/sdb", "B2")), arrays=arrays)
    assert commands(layout, replaced, "mdadm|--part-attrs|vgchange|mkfs") == [
        "mdadm --create /dev/md/system --run --name=system --homehost=any --metadata=1.2 --level=1 --raid-devices=2 "
        "--bitmap=internal /dev/sda1 /dev/sdb1",
        "mdadm --assemble /dev/md/data --run /dev/sda2",
        "mdadm --manage /dev/md/data --add /dev/sdb2",
        # At once, because it becomes a copy, whatever becomes of the rest of this installation.
        "sfdisk --quiet --no-tell-kernel --part-attrs /dev/sdb 2 GUID:56",
        "lvm vgchange --activate y vg0",
        "mkfs.ext4 -q -F /dev/md/system",
        "mkfs.ext4 -q -F /dev/vg0/var",
    ]
    assert not commands(layout, replaced, "wipefs .*/dev/sda2|scratch")


def test_another_size_of_a_volume_leaves_the_kept_one_alone(
    mirrored: Any, read: Any, installed: Any, commands: Any
) -> None:
    found = installed(read(mirrored))
    mirrored["volume_groups"]["vg0"]["volumes"][0]["size"] = "512M"
    assert commands(read(mirrored), found, "lvm lv") == [
        "lvm lvremove --yes vg0/var",
        f"lvm lvcreate --yes --wipesignatures y --zero y --size {512 << 20}b --name var vg0",
    ]
    mirrored["volume_groups"]["vg0"]["volumes"][0]["size"] = "2G"
    with pytest.raises(Refused, match=r"vg0 has 8G, too little for var with 2G, scratch with 7G"):
        plan(read(mirrored), found)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda it: it["volume_groups"]["vg0"]["volumes"].pop(1), "scratch of vg0 .* made to be kept"),
        (lambda it: it["volume_groups"]["vg0"]["volumes"][1].update(format="ext4"), "the layout has ext4 there"),
        (lambda it: it["volume_groups"]["vg0"]["volumes"][1].update(size="1G"), "kept with its 7G"),
        (lambda it: it["raids"]["data"].update(level=0), "Array data of /dev/sda2, /dev/sdb2 holds what is to be kept"),
        (lambda it: it.pop("volume_groups"), "scratch of vg0 .* made to be kept"),
    ],
    ids=["gone", "another format", "another size", "another level", "no group any more"],
)
def test_a_kept_volume_is_not_lost_by_a_changed_layout(
    mirrored: Any, read: Any, installed: Any, change: Any, sentence: str
) -> None:
    found = installed(read(mirrored))
    change(mirrored)
    with pytest.raises(Refused, match=sentence):
        plan(read(mirrored), found)


def test_a_kept_volume_that_cannot_be_read_is_not_lost_by_the_consent_to_wipe_its_disks(
    mirrored: Any, read: Any, installed: Any
) -> None:
    found = installed(read(mirrored))
    for disk in mirrored["disks"].values():
        disk["wipe"] = True
    group = found.groups[0]
    volumes = (group.volumes[0], replace(group.volumes[1], content=Content(type="what can't be read")))
    with pytest.raises(Refused, match=r"scratch of vg0 \(what can't be read\) is to be kept, .* has xfs there"):
        plan(read(mirrored), replace(found, groups=(replace(group, volumes=volumes),)))


@pytest.mark.parametrize("there", ["xfs", "what can't be read"])
def test_a_kept_file_system_right_on_an_array_is_not_lost_to_another_format(
    mirrored: Any, read: Any, installed: Any, there: str
) -> None:
    mirrored["raids"]["system"] |= {"mount": "/scratch", "keep": True}
    layout = read(mirrored)
    found = installed(layout)
    arrays = (replace(found.arrays[0], content=Content(type=there)), found.arrays[1])
    with pytest.raises(Refused, match=rf"Array system \({there}\) of .* to be kept, but the layout has ext4 there"):
        plan(layout, replace(found, arrays=arrays))


def test_what_is_kept_on_an_array_is_not_lost_with_the_array(mirrored: Any, read: Any, installed: Any) -> None:
    found = replace(installed(read(mirrored)), groups=(), arrays=())
    del mirrored["volume_groups"], mirrored["raids"]["data"]
    with pytest.raises(Refused, match=r"/dev/sda2 \(linux_raid_member\) .* made to be kept, .* any more"):
        plan(read(mirrored), found)


@pytest.mark.parametrize("members", ["as they are", "unknown"])
def test_members_of_an_array_that_is_kept_are_not_made_another_one(
    mirrored: Any, read: Any, installed: Any, members: str
) -> None:
    found = installed(read(mirrored))
    mirrored["raids"]["other"] = mirrored["raids"].pop("data")
    mirrored["volume_groups"]["vg0"]["members"] = ["other"]
    seen = found if members == "as they are" else replace(found, arrays=(), groups=())
    with pytest.raises(Refused, match="/dev/sda2, /dev/sdb2 for array other holds what is to be kept, but in no array"):
        plan(read(mirrored), seen)


def test_an_array_that_cannot_start_is_not_lost_to_somebody_who_says_keep_only_now(
    mirrored: Any, read: Any, installed: Any
) -> None:
    found = installed(read(mirrored))
    mirrored["raids"]["system"] |= {"mount": "/data", "keep": True}
    system = replace(found.arrays[0], content=Content(type=UNSTARTED))
    with pytest.raises(Refused, match="Array system of /dev/sda1, /dev/sdb1 can't be started"):
        plan(read(mirrored), replace(found, arrays=(system, found.arrays[1])))


def test_what_is_active_is_stopped_from_the_top(mirrored: Any, read: Any, installed: Any, commands: Any) -> None:
    layout = read(mirrored)
    stacked = (("lvm", "/dev/dm-0"), ("raid1", "/dev/md127"))
    found = changed(changed(installed(layout), 0, stacked=stacked), 1, stacked=stacked)
    assert commands(layout, found)[:2] == ["dmsetup remove /dev/dm-0", "mdadm --stop /dev/md127"]
    assert len(commands(layout, found, "dmsetup|--stop")) == 2


def test_an_inventory_that_was_told_gives_the_same_plan(mirrored: Any, read: Any, installed: Any) -> None:
    layout = read(mirrored)
    found = installed(layout)
    assert plan(layout, read_inventory(found.dump())) == plan(layout, found)


def test_the_inventory_of_very_many_disks_still_fits_a_report(blank: Any) -> None:
    many = on(*(blank(f"/dev/sd{number}", f"serial-{number}") for number in range(200)))
    assert len(many.dump()) < 8000
    assert read_inventory(many.dump()).disks[0] == many.disks[0]
