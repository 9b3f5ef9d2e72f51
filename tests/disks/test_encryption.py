"""What is encrypted: made and opened by the node's key, kept like anything else, and never overwritten by mistake."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.node.disks import carry_out, look_encrypted
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.commands import DiskError, run
from luna_core.node.disks.inventory import Content, Inventory, read_inventory
from luna_core.node.disks.layout import LUKS
from luna_core.node.disks.plan import plan
from luna_core.node.disks.steps import Plan

KEY = "0123456789abcdef" * 4
OPEN = "cryptsetup open --key-file=- /dev/sda4 luna.scratch"
# As cryptsetup(8) does, by a key and a file system that lie beside it; of a file, so that no device is needed.
OPENS = """#!/bin/sh
place=$(dirname "$0")
[ "$(cat)" = "$(cat "$place/key")" ] || exit 2
cp "$place/inside" "$place/mapped.$5"
"""


@pytest.fixture
def encrypted(simple: Any) -> Any:
    """One disk with a root and an encrypted file system to be kept."""
    simple["disks"]["system"]["partitions"][3]["encrypt"] = "key"
    return simple


def closed(inventory: Inventory) -> Inventory:
    """The inventory as it is without the key."""
    *others, scratch = inventory.disks[0].partitions
    there = replace(scratch, content=Content(type=LUKS, label="luna-scratch"))
    return replace(inventory, disks=(replace(inventory.disks[0], partitions=(*others, there)), *inventory.disks[1:]))


def test_a_container_is_made_opened_and_then_gets_its_file_system(
    encrypted: Any, read: Any, blank: Any, commands: Any
) -> None:
    there = Inventory(disks=(blank(),))
    made, opened, formatted = commands(read(encrypted), there, "sda4$|luna.scratch$")[1:]
    assert made.startswith("cryptsetup luksFormat --type=luks2 --batch-mode --key-file=- --label=luna-scratch ")
    assert (opened, formatted) == (OPEN, "mkfs.xfs -q -f /dev/mapper/luna.scratch")
    steps = [one for one in plan(read(encrypted), there).steps if one.command[0] == "cryptsetup"]
    assert [one.needs_key for one in steps] == [True, True]


def test_a_second_installation_opens_what_it_keeps(encrypted: Any, read: Any, installed: Any, commands: Any) -> None:
    layout = read(encrypted)
    found = installed(layout)
    assert commands(layout, found, "sda4|luna.scratch") == [OPEN]
    assert commands(layout, read_inventory(found.dump()), "sda4|luna.scratch") == [OPEN]
    stacked = replace(found, disks=(replace(found.disks[0], stacked=(("crypt", "/dev/dm-0"),)),))
    assert commands(layout, stacked)[0] == "dmsetup remove /dev/dm-0"


def test_what_is_to_be_kept_is_refused_if_the_key_does_not_open_it(
    encrypted: Any, read: Any, installed: Any, commands: Any
) -> None:
    found = closed(installed(read(encrypted)))
    with pytest.raises(Refused, match=r"/dev/sda4 \(crypto_LUKS 'luna-scratch'\) .*the node's key doesn't open it"):
        plan(read(encrypted), found)
    del encrypted["disks"]["system"]["partitions"][3]["keep"]
    assert commands(read(encrypted), found, "luksFormat .*/dev/sda4")


CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    ("partition", lambda it: it["disks"]["one"]["partitions"][1]),
    ("array", lambda it: it["raids"]["data"]),
    ("volume", lambda it: it["volume_groups"]["vg0"]["volumes"][1]),
]


@pytest.mark.parametrize("before", [{}, {"encrypt": "key"}], ids=["encrypted later", "no longer encrypted"])
@pytest.mark.parametrize("use", [one[1] for one in CHANGES], ids=[one[0] for one in CHANGES])
def test_what_is_kept_is_not_lost_by_another_word_on_encryption(
    mirrored: Any, read: Any, installed: Any, use: Any, before: dict[str, str]
) -> None:
    if use is not CHANGES[2][1]:
        del mirrored["volume_groups"]
        target = use(mirrored)
        if "members" not in target:
            del mirrored["raids"]["data"]
        target |= {"format": "ext4", "keep": True}
    use(mirrored).update(before)
    found = installed(read(mirrored))
    if before:
        del use(mirrored)["encrypt"]
        found = read_inventory(found.dump().replace("encrypted ext4", LUKS).replace("encrypted xfs", LUKS))
    else:
        use(mirrored)["encrypt"] = "key"
    with pytest.raises(Refused, match="kept"):
        plan(read(mirrored), found)


def test_arrays_and_volumes_have_containers_of_their_own_names(
    mirrored: Any, read: Any, installed: Any, commands: Any
) -> None:
    mirrored["raids"]["system"]["encrypt"] = "key"
    for volume in mirrored["volume_groups"]["vg0"]["volumes"]:
        volume["encrypt"] = "tpm"
    layout = read(mirrored)
    assert commands(layout, installed(layout), "cryptsetup open|enroll") == [
        "cryptsetup open --key-file=- /dev/md/system luna.system",
        "cryptsetup open --key-file=- /dev/vg0/var luna.vg0.var",
        *commands(layout, installed(layout), "enroll .*/dev/vg0/var$"),
        "cryptsetup open --key-file=- /dev/vg0/scratch luna.vg0.scratch",
        *commands(layout, installed(layout), "enroll .*/dev/vg0/scratch$"),
    ]
    assert len(commands(layout, installed(layout), "^systemd-cryptenroll --tpm2-device=auto ")) == 2


def test_a_machine_without_a_tpm_is_refused_before_anything_is_written(
    encrypted: Any, read: Any, blank: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    encrypted["disks"]["system"]["partitions"][3]["encrypt"] = "tpm"
    monkeypatch.setattr(carry_out, "TPM", tmp_path / "tpmrm0")
    monkeypatch.setattr(carry_out, "has", lambda program: True)
    told: list[str] = []
    with pytest.raises(DiskError, match=r"tpmrm0: encrypt: tpm needs a TPM 2\.0 .*Nothing was written"):
        carry_out.carry_out(plan(read(encrypted), Inventory(disks=(blank(),))), told.append, KEY)
    assert not told


def test_what_is_in_a_container_is_seen_by_whoever_has_its_key(
    encrypted: Any, read: Any, installed: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layout = read(encrypted)
    found = closed(installed(layout))
    (tmp_path / "cryptsetup").write_text(OPENS)
    (tmp_path / "cryptsetup").chmod(0o755)
    (tmp_path / "key").write_text(KEY)
    with (tmp_path / "inside").open("wb") as inside:
        inside.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", tmp_path / "inside"], check=True)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setattr(look_encrypted, "MAPPED", f"{tmp_path}/mapped.")
    assert look_encrypted.look(layout, found, "wrong") == {}
    inside_of = look_encrypted.look(layout, found, KEY)
    assert found.opened(inside_of).disks[0].partitions[3].content.type == "encrypted ext4"


def test_the_key_opens_what_the_plan_makes_and_no_other_does(
    encrypted: Any, read: Any, blank: Any, tmp_path: Path
) -> None:
    container = tmp_path / "container"
    with container.open("wb") as file:
        file.truncate(64 << 20)
    planned = plan(read(encrypted), Inventory(disks=(blank(),)))
    (make,) = [one for one in planned.steps if "luksFormat" in one.command]
    run([*make.command[:-1], str(container)], KEY)
    assert "luna-scratch" in run(["blkid", "-p", "-o", "export", str(container)])
    test = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", str(container)]
    run(test, KEY)
    with pytest.raises(DiskError, match="ended with exit status 2: No key available"):
        run(test, KEY[:-1])
    # As for a TPM, of which this machine need not have one.
    run(["systemd-cryptenroll", "--recovery-key", "--unlock-key-file=/dev/stdin", str(container)], KEY)


def test_no_command_that_is_told_holds_the_key(
    encrypted: Any, read: Any, blank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, str] = {}
    told: list[str] = []
    monkeypatch.setattr(carry_out, "has", lambda program: True)
    monkeypatch.setattr(carry_out, "run", lambda command, stdin: given.update({command[0]: stdin}))
    carry_out.carry_out(plan(read(encrypted), Inventory(disks=(blank(),))), told.append, KEY)
    assert given["cryptsetup"] == KEY
    assert {given[one] for one in given if one not in ("cryptsetup", "sfdisk")} == {""}
    assert KEY not in "".join(told)


def test_without_a_key_nothing_is_looked_at(encrypted: Any, tmp_path: Path) -> None:
    import json

    (tmp_path / "job").write_text(json.dumps({"node_id": "node-1", "layout": encrypted}))
    places = [str(tmp_path / name) for name in ("job", "found", "etc")]
    program = [sys.executable, "-m", "luna_core.node.disks", *places]
    done = subprocess.run(program, input="", capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        1,
        "luna: The controller gave no key for what is to be encrypted. Nothing was written.",
    )
    assert not (tmp_path / "found").exists()


def test_only_what_a_tpm_opens_is_in_crypttab(
    encrypted: Any, read: Any, blank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = encrypted["disks"]["system"]["partitions"]
    parts[2]["encrypt"] = "tpm"
    monkeypatch.setattr(carry_out, "probe", lambda path: {"UUID": f"of {path}"})
    planned: Plan = plan(read(encrypted), Inventory(disks=(blank(),)))
    assert carry_out.crypttab_lines(planned) == "luna.swap UUID=of /dev/sda3 none luks,tpm2-device=auto\n"
    assert carry_out.fstab_lines(planned).splitlines()[1:] == [
        "UUID=of /dev/mapper/luna.swap none swap defaults 0 0",
        "UUID=of /dev/mapper/luna.scratch /scratch xfs defaults 0 0",
    ]
