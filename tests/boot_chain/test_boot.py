"""A virtual machine boots through iPXE into luna's initramfs and from there into Debian. Minutes, without KVM."""

from collections.abc import Callable

import pytest

from luna_core.errors import CommandFailed

SHELL_INIT = "base udev-rules luna"
SYSTEMD_INIT = "systemd systemd-initrd dracut-systemd base udev-rules luna"
TOKEN = "0badc0de5eed"
STATIC = "luna.ip=10.141.0.1/16 luna.gateway=10.141.255.254"
WAIT_S = 600

pytestmark = pytest.mark.timeout(2400)


def assert_it_runs_debian_without_luna(lab) -> None:
    """The node answers by ssh from its own system, and no process of the initramfs is left."""
    node = lab.machines[0]
    started = lab.events.wait(node.name, "(Started|Failed to start) .*OpenBSD Secure Shell", WAIT_S)
    assert "Started" in started.text
    said = lab.on_node(node, "hostname; cat /proc/1/comm; test -e /etc/initrd-release && echo initramfs; date +%Y")
    assert said.split()[:2] == ["node001", "systemd"]
    assert "initramfs" not in said
    with pytest.raises(CommandFailed, match="status 1"):
        lab.on_node(node, "grep -ls LUNA_AGENT=1 /proc/[0-9]*/environ")


def test_a_failing_installation_is_reported_can_be_looked_into_and_succeeds_when_it_is_mended(
    controller: Callable, boot_files, console
) -> None:
    made = controller(boot_files, SHELL_INIT, STATIC)
    lab = made.lab
    node = lab.machines[0]
    good = made.install_script
    made.install_script = good.replace("unpack() {", "unpack() { echo no space left >&2; return 28;")
    node.start()
    lab.events.wait("reports", "^partscript done", WAIT_S)
    lab.events.wait("reports", "^unpack failed 28$", WAIT_S)
    lab.events.wait("logs", "no space left", WAIT_S)
    assert lab.on_node(node, "cat /run/luna/unpack.log; cat /proc/sys/kernel/hostname").startswith("no space left")
    assert "sysroot" not in lab.on_node(node, "cat /proc/mounts")

    made.install_script = good
    lab.events.wait("reports", "^finish done$", WAIT_S)
    assert_it_runs_debian_without_luna(lab)
    assert TOKEN not in console(node)
