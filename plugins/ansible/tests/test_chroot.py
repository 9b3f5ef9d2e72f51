"""Tasks inside an image, whose only program is busybox."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.testing.command_line import run_luna


@pytest.fixture
def image(luna: Callable[[str], Any], tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var/tmp"):
        (tree / name).mkdir(parents=True)
    # Debian has one with libraries and one without.
    needed = subprocess.run(["ldd", "/bin/busybox"], capture_output=True, text=True).stdout
    for path in ("/bin/busybox", *re.findall(r"(/\S+) \(0x", needed)):
        (tree / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / path[1:])
    for name in ("sh", "cat", "echo", "mkdir", "rm", "chmod", "id", "sleep", "test"):
        (tree / "bin" / name).symlink_to("busybox")
    assert run_luna(["osimage", "add", "compute", "--path", str(tree), "--distro", "fake"]).status == 0
    return tree


def test_tasks_run_in_the_tree(ansible: Callable[..., Any], image: Path, tmp_path: Path) -> None:
    """The module `script` takes a file there and runs it; `raw` runs a command."""
    assert os.geteuid() == 0, "this needs root"
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho from the script > /etc/written\n")
    options = ("-i", "compute,", "-c", "luna.cluster.chroot", "-e", "ansible_remote_tmp=/tmp/.ansible")
    assert ansible("ansible", "compute", *options, "-m", "script", "-a", str(script)).status == 0
    assert (image / "etc/written").read_text() == "from the script\n"
    failed = ansible("ansible", "compute", *options, "-m", "raw", "-a", "cat /etc/written; exit 7")
    assert failed.status
    assert "rc=7" in failed.text
    assert "from the script" in failed.text


def test_a_file_comes_out_as_it_is(ansible: Callable[..., Any], image: Path, tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (image / "etc/data file").write_bytes(data)
    program = tmp_path / "fetch.py"
    program.write_text(
        "from ansible.playbook.play_context import PlayContext\n"
        "from ansible.plugins.loader import connection_loader, init_plugin_loader\n"
        "init_plugin_loader()\n"
        "one = connection_loader.get('luna.cluster.chroot', PlayContext())\n"
        "one.set_options(var_options={'inventory_hostname': 'compute'})\n"
        f"one.fetch_file('/etc/data file', {str(tmp_path / 'out')!r})\n"
        f"one.put_file({str(tmp_path / 'out')!r}, '/etc/copied')\n"
    )
    assert ansible("python", str(program)).status == 0
    assert (image / "etc/copied").read_bytes() == data


def test_an_image_that_is_not_there_is_named(ansible: Callable[..., Any], image: Path) -> None:
    failed = ansible("ansible", "other", "-i", "other,", "-c", "luna.cluster.chroot", "-m", "raw", "-a", "true")
    assert failed.status
    assert "There is no osimage 'other'" in failed.text
