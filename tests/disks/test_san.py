"""Disks of a SAN are for nobody who doesn't name them, and those that are reached by several paths for nobody."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from luna_core.node.disks import commands, san
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.look import look
from luna_core.node.disks.plan import plan

WWID = "naa.600508b1001c4e7f"


def disk(kname: str, **facts: Any) -> dict[str, Any]:
    return {"kname": kname, "type": "disk", "size": 10 << 30, "ro": False, "rm": False, "serial": kname, **facts}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives this machine blank disks, as lsblk shows them, and the kernel's files of them."""

    def given(disks: Sequence[dict[str, Any]], files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")

        def run(command: Sequence[str], stdin: str = "", *, accepted: Sequence[int] = (0,)) -> str:
            return json.dumps({"blockdevices": disks}) if command[0] == "lsblk" else ""

        monkeypatch.setattr(commands, "run", run)
        monkeypatch.setattr("luna_core.node.disks.probe.run", run)
        monkeypatch.setattr("luna_core.node.disks.commands.LVM_DIRECTORY", tmp_path)
        monkeypatch.setattr(san, "SYSTEM", tmp_path)

    return given


SAN = {
    "Fibre Channel": ([disk("sda", tran="fc"), disk("sdb", tran="sas")], {}),
    "iSCSI": ([disk("sda", tran="iscsi"), disk("sdb", tran=None)], {}),
    "NVMe over TCP": ([disk("nvme0n1"), disk("nvme1n1")], {"nvme0n1/device/transport": "tcp"}),
    "NVMe, several controllers": ([disk("nvme0n1"), disk("nvme1n1")], {"nvme0n1/device/nvme3/transport": "rdma"}),
    "two paths": (
        [disk("sda", serial="S"), disk("sdb"), disk("sdc", serial="S")],
        {f"{name}/device/wwid": WWID for name in ("sda", "sdc")},
    ),
    "two paths by NVMe": (
        [disk("nvme0n1", serial="S"), disk("nvme1n1"), disk("nvme2n1", serial="S")],
        {f"{name}/wwid": "eui.0025388b71b0" for name in ("nvme0n1", "nvme2n1")},
    ),
    "taken by multipathd": ([disk("sda", children=[{"kname": "dm-0", "type": "mpath"}]), disk("sdb")], {}),
}


@pytest.mark.parametrize(("disks", "files"), SAN.values(), ids=SAN)
def test_a_blank_disk_of_a_san_is_none_of_those_that_just_anybody_gets(
    disks: Any, files: Any, simple: Any, read: Any, machine: Any
) -> None:
    files["nvme1n1/device/transport"] = "pcie"
    machine(disks, files)
    simple["disks"]["system"] |= {"match": {"size": ">=1G"}, "first": True}
    layout = read(simple)
    assert plan(layout, look(layout)).items[0].device.startswith(f"/dev/{disks[1]['kname']} ")


@pytest.mark.parametrize("case", ["two paths", "two paths by NVMe", "taken by multipathd"])
def test_a_disk_on_several_paths_is_refused_to_those_who_name_it_too(
    case: str, simple: Any, read: Any, machine: Any
) -> None:
    disks, files = SAN[case]
    machine(disks, files)
    simple["disks"]["system"] |= {"match": {"serial": disks[0]["serial"]}, "first": True, "wipe": True}
    layout = read(simple)
    with pytest.raises(Refused, match=r"reached by several paths\) fits 'system' .* doesn't install by several paths"):
        plan(layout, look(layout))


@pytest.mark.parametrize("wwid", ["t10.ATA VBOX HARDDISK", ""])
def test_two_disks_with_the_same_serial_number_need_not_be_one(wwid: str, simple: Any, read: Any, machine: Any) -> None:
    disks = [disk("sda", serial="0123456789"), disk("sdb", serial="0123456789")]
    machine(disks, {f"{one['kname']}/device/wwid": wwid for one in disks})
    simple["disks"]["system"] |= {"match": {}, "first": True}
    layout = read(simple)
    assert not [one for one in look(layout).disks if one.multipath]


def test_a_disk_without_the_numbers_that_the_kernel_has_files_for_is_a_disk(
    simple: Any, read: Any, machine: Any, tmp_path: Path
) -> None:
    machine([disk("sda", serial=None)], {})
    # As a file that can't be read, by root either; the kernel's own give ENXIO.
    for name in ("wwid", "serial"):
        (tmp_path / "sda/device" / name).mkdir(parents=True)
    layout = read(simple)
    assert [(one.path, one.serial) for one in look(layout).disks] == [("/dev/sda", "")]


def test_a_disk_of_a_san_is_for_those_who_name_it(simple: Any, read: Any, machine: Any) -> None:
    machine([disk("sda", tran="fc")], {})
    simple["disks"]["system"]["match"] = {"serial": "sda"}
    layout = read(simple)
    assert plan(layout, look(layout)).items[0].device.startswith("/dev/sda ")
