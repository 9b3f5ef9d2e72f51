"""The boot loader of nodes with disks; the lab's tests boot from one."""

from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.errors import Unsupported
from luna_core.run import run
from luna_core.testing import facts
from luna_distro_debian.driver import Debian


def test_a_node_s_kernel_arguments_are_grub_s_whatever_is_in_them(tmp_path: Path) -> None:
    for name in ("update-grub", "grub-install"):
        (tmp_path / "usr/sbin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "usr/sbin" / name).touch()
    given = "console=ttyS0 name='a b' $x"
    script = Debian().boot_loader_script(replace(facts.node(), kernel_arguments=given), tmp_path)
    (line,) = (one for one in script.splitlines() if one.startswith("GRUB_CMDLINE_LINUX="))
    assert run(["sh", "-c", f'{line}; printf %s "$GRUB_CMDLINE_LINUX"']) == given
    run(["shellcheck", "-s", "sh", "-"], stdin=script)


def test_a_tree_without_grub_is_no_error_of_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="grub2-common"):
        Debian().boot_loader_script(facts.node(), tmp_path)
