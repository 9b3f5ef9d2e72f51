"""Each phase of an installation fails once, is explained, and is healed without anybody touching the node."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import CommandFailed

pytestmark = pytest.mark.timeout(3600)


def put(path: Path, content: bytes) -> None:
    """Replace a file by one of its owner and mode; its other hard links stay as they are."""
    new = path.with_name(f".{path.name}")
    new.write_bytes(content)
    shutil.copymode(path, new)
    os.chown(new, path.stat().st_uid, path.stat().st_gid)
    new.replace(path)


def test_a_node_goes_through_every_failure_and_comes_up_by_itself(trial: Any, a_shard: Callable[[Any], Path]) -> None:
    luna = trial.controller.luna
    shard = a_shard(trial)
    sound = shard.read_bytes()
    put(shard, bytes(len(sound)))
    luna("group", "change", "compute", "--partscript", "echo there is no disk >&2; exit 7")
    luna("group", "change", "compute", "--postscript", "echo the licence server is away >&2\nexit 9")
    trial.lab.machines[0].start()

    said = trial.why("failed in partscript with exit status 7")
    assert "\n    there is no disk\n" in said
    assert "'luna node show node001 --script install' shows what it ran" in said
    assert "there is no disk" in trial.on_node("test -e /etc/initrd-release && cat /run/luna/partscript.log")

    luna("group", "change", "compute", "--unset", "partscript", "--root-size", "16M")
    said = trial.why("failed in unpack with exit status 3")
    assert "No space left on device" in said
    assert "'luna node change node001 --root-size'" in said

    luna("group", "change", "compute", "--root-size", "70%")
    trial.row(lambda row: row["phase"] == "download" and (row["percent"] or 0) > 20 and row["outcome"] == "booting")
    trial.controller.stop()
    gave_up = trial.says("luna: .* download failed with exit status 1")
    unreachable = trial.says("luna: .*the controller can't be reached", after=gave_up)
    said = luna("why", "node001")
    assert "The boot server does not answer at 10.141.255.254 port 7050: Connection refused" in said
    assert "No DHCP server runs on this machine" in said
    assert trial.on_node("ls /run/luna/reports").strip()

    trial.controller.serve()
    said = trial.why("has SHA-256")
    assert "failed in download with exit status 1" in said
    assert str(shard.relative_to(shard.parents[1])) in said
    assert "'luna osimage version verify compute' names the files" in said
    with pytest.raises(CommandFailed, match=shard.name):
        luna("osimage", "version", "verify", "compute")
    downloads = [one for one in trial.events() if (one["phase"], one["status"]) == ("download", "failed")]
    assert "Connection refused" in downloads[0]["log"]

    put(shard, sound)
    said = trial.why("failed in postscript with exit status 9")
    assert "\n    the licence server is away\n" in said
    trial.controller.stop()
    luna("group", "change", "compute", "--postscript", "echo it is there > /etc/licence")
    trial.says("luna: .*the controller can't be reached", after=unreachable)
    trial.controller.serve()
    trial.why("and is up.")
    assert trial.on_node("cat /etc/hostname /etc/licence").split("\n")[:2] == ["node001", "it is there"]
    left = trial.on_node("stat -c %a /run/luna; ls /run/luna").split()
    assert left[0] == "700"
    assert not {"phases", "session", "install.sh", "job.json"} & set(left)


def test_a_script_that_kills_everything_is_reported_and_a_node_that_fails_too_often_boots_anew(trial: Any) -> None:
    luna = trial.controller.luna
    luna("settings", "set", "boot.attempts", "2")
    luna("group", "change", "compute", "--prescript", "kill -9 -1")
    trial.lab.machines[0].start()
    trial.says("luna: .*install failed with exit status 137")
    gave_up = trial.says("luna: .*2 attempts have failed: only a new boot can help")
    luna("group", "change", "compute", "--unset", "prescript")
    trial.says("Open Source Network Boot Firmware", after=gave_up)
    trial.says("luna: .*partscript done", after=gave_up)
    trial.row(lambda row: row["phase"] in ("download", "unpack"))
    assert not [one for one in trial.events() if one["status"] == "failed"], "this is another session"
