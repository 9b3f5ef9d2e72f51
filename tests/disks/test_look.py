"""What luna makes of arrays and volume groups that lack a member, by what mdadm and LVM say then."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from luna_core.node.disks import commands, look_stacked
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.inventory import Inventory
from luna_core.node.disks.plan import plan

Programs = Callable[[Callable[[str], "tuple[int, str]"]], None]


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Has a function answer for all programs: a command line → exit status and what it prints."""

    def answered(answer: Callable[[str], tuple[int, str]]) -> None:
        def run(command: Sequence[str], stdin: str = "", *, accepted: Sequence[int] = (0,)) -> str:
            status, said = answer(" ".join(command))
            if status not in accepted:
                raise commands.DiskError(f"{command[0]} ended with exit status {status}")
            return said

        monkeypatch.setattr(commands, "run", run)
        monkeypatch.setattr(commands, "has", lambda program: True)
        monkeypatch.setattr(look_stacked, "probe", lambda path: {"TYPE": "what can't be read"})

    return answered


def replaced(found: Inventory, blank: Any) -> Inventory:
    """The same machine with a new second disk."""
    return Inventory(disks=(found.disks[0], blank("/dev/sdb", "B2")))


@pytest.fixture
def striped(mirrored: Any) -> Any:
    """A file system on a RAID 0."""
    mirrored["raids"] = {"scratch": {"level": 0, "members": ["pv1", "pv2"], "format": "xfs", "mount": "/scratch"}}
    del mirrored["volume_groups"]
    return mirrored


def mdadm(command: str) -> tuple[int, str]:
    if "--examine" in command:
        part = command.split()[-1]
        return 0, f"MD_LEVEL=raid0\nMD_DEVICES=2\nMD_NAME=any:scratch\nMD_UUID=of-{part[:-1]}\nMD_EVENTS=0\n"
    return (1, "") if "--assemble" in command or "--detail" in command else (0, "")


@pytest.mark.parametrize("keep", [False, True])
def test_an_array_that_cannot_start_without_a_replaced_disk_is_made_anew_unless_kept(
    striped: Any, read: Any, installed: Any, blank: Any, programs: Programs, *, keep: bool
) -> None:
    striped["raids"]["scratch"]["keep"] = keep
    layout = read(striped)
    there = replaced(installed(layout), blank)
    programs(mdadm)
    arrays, _ = look_stacked.look(layout, there.disks[:1])
    now = Inventory(disks=there.disks, arrays=arrays)
    if keep:
        with pytest.raises(Refused, match="of /dev/sda2 can't be started with these members, and is to be kept"):
            plan(layout, now)
    else:
        assert any(step.command[:2] == ("mdadm", "--create") for step in plan(layout, now).steps)


def test_of_two_arrays_with_the_name_of_a_kept_one_none_is_taken(
    striped: Any, read: Any, installed: Any, programs: Programs
) -> None:
    striped["raids"]["scratch"] |= {"level": 1, "keep": True}
    layout = read(striped)
    programs(mdadm)
    with pytest.raises(Refused, match="/dev/sda2 and /dev/sdb2 are of several arrays called scratch"):
        look_stacked.look(layout, installed(layout).disks)


@pytest.mark.parametrize("keep", [False, True])
def test_a_volume_group_that_lacks_a_replaced_disk_is_made_anew_unless_kept(
    mirrored: Any, read: Any, installed: Any, blank: Any, programs: Programs, *, keep: bool
) -> None:
    mirrored["raids"] = {}
    (group,) = mirrored["volume_groups"].values()
    group |= {"members": ["pv1", "pv2"], "volumes": [{"name": "all", "size": "rest", "format": "xfs", "keep": keep}]}
    layout = read(mirrored)
    there = replaced(installed(layout), blank)
    reports = {
        "pvs": [{"pv_name": "/dev/sda2", "vg_name": "vg0"}, {"pv_name": "[unknown]", "vg_name": "vg0"}],
        "vgs": [{"vg_name": "vg0", "vg_size": "8589934592", "vg_extent_size": "4194304", "vg_missing_pv_count": "1"}],
        "lvs": [{"vg_name": "vg0", "lv_name": "all", "lv_size": "8589934592", "lv_tags": "luna_keep" * keep}],
    }

    def lvm(command: str) -> tuple[int, str]:
        _, name, *_ = command.split()
        return (5, "") if name == "vgchange" else (0, json.dumps({"report": [{name[:2]: reports[name]}]}))

    programs(lvm)
    _, groups = look_stacked.look(layout, there.disks[:1])
    now = Inventory(disks=there.disks, groups=groups)
    if keep:
        with pytest.raises(Refused, match=r"Volume all of vg0 .* is to be kept"):
            plan(layout, now)
    else:
        assert [step.command[1] for step in plan(layout, now).steps if step.command[0] == "lvm"] == [
            "pvcreate",
            "vgcreate",
            "lvcreate",
        ]


@pytest.mark.parametrize("keep", [False, True])
def test_a_volume_group_whose_description_is_damaged_is_not_blank_if_something_is_to_be_kept(
    mirrored: Any, read: Any, installed: Any, programs: Programs, *, keep: bool
) -> None:
    mirrored["raids"] = {}
    (group,) = mirrored["volume_groups"].values()
    group |= {"members": ["pv1"], "volumes": [{"name": "all", "size": "rest", "format": "xfs", "keep": keep}]}
    layout = read(mirrored)
    there = installed(layout)
    # As LVM 2.03 says, with exit status 0 and warnings, of a checksum error in the group's description.
    reports = {"pvs": [{"pv_name": "/dev/sda2", "vg_name": "[unknown]"}], "vgs": [], "lvs": []}
    programs(lambda command: (0, json.dumps({"report": [{(name := command.split()[1])[:2]: reports[name]}]})))
    if keep:
        with pytest.raises(Refused, match="/dev/sda2 belongs to a volume group that LVM can't read"):
            look_stacked.look(layout, there.disks)
    else:
        assert look_stacked.look(layout, there.disks) == ((), ())
