"""A virtual machine boots through iPXE into luna's initramfs and from there into Debian. Minutes, without KVM."""

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from luna_core.run import run
from luna_lab import ssh

SHELL_INIT = "base udev-rules luna"
SYSTEMD_INIT = "systemd systemd-initrd dracut-systemd base udev-rules luna"
TOKEN = "0badc0de5eed"
STATIC = "luna.ip=10.141.0.1/16 luna.gateway=10.141.255.254"
WAIT_S = 1500
IPXE = "Open Source Network Boot Firmware"
# linux/if_ether.h, linux/if_packet.h
ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8

pytestmark = pytest.mark.timeout(3600)


def assert_it_runs_debian_without_luna(lab) -> None:
    """The node answers by ssh from its own system, and no process of the initramfs is left."""
    node = lab.machines[0]
    lab.events.wait(node.name, r"Welcome to Debian .*\(bookworm\)!", WAIT_S)
    lab.wait_for_ssh(node, WAIT_S)
    said = lab.on_node(node, "hostname; cat /proc/1/comm; test -e /etc/initrd-release && echo initramfs; date +%Y")
    assert said.split()[:2] == ["node001", "systemd"]
    assert "initramfs" not in said
    assert lab.on_node(node, "grep -ls LUNA_AGENT=1 /proc/[0-9]*/environ; true") == ""


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

    made.install_script = "exit 3"
    lab.events.wait("reports", "^install failed 3$", WAIT_S)
    assert "sysroot" not in lab.on_node(node, "cat /proc/mounts")

    made.install_script = good
    lab.events.wait("reports", "^finish done$", WAIT_S)
    lab.events.wait("controller", "^install script for node=node001$", WAIT_S)
    assert_it_runs_debian_without_luna(lab)
    assert TOKEN not in console(node)


def test_uefi_dhcp_and_an_initramfs_with_systemd_lead_to_the_same(controller: Callable, boot_files, console) -> None:
    made = controller(boot_files, SYSTEMD_INIT, "luna.ip=dhcp", uefi=True)
    node = made.lab.machines[0]
    this_year = time.gmtime().tm_year
    node.start(["-rtc", "base=2001-01-01"])
    made.lab.events.wait(node.name, "luna: .*the clock was off by", WAIT_S)
    made.lab.events.wait("reports", "^finish done$", WAIT_S)
    assert_it_runs_debian_without_luna(made.lab)
    assert int(made.lab.on_node(node, "date --utc +%Y")) >= this_year
    assert TOKEN not in console(node)


def test_a_node_whose_session_is_over_boots_again_for_a_new_one(controller: Callable, boot_files) -> None:
    made = controller(boot_files, SHELL_INIT, f"rd.debug {STATIC}")
    lab = made.lab
    node = lab.machines[0]
    made.token = "another"
    node.start()
    refused = lab.events.wait(node.name, "luna: .*the controller refuses this boot session", WAIT_S)
    lab.events.wait(node.name, IPXE, WAIT_S, after=refused)
    # dracut itself shows the kernel's arguments when it is debugged; luna's own programs never say more.
    said = [event.text for event in lab.events.of(node.name) if TOKEN in event.text]
    assert all(f"luna.session={TOKEN}" in text for text in said)


def test_service_mode_stays_in_the_initramfs_on_a_bond_with_both_address_families(
    controller: Callable, boot_files
) -> None:
    bond = "luna.bond=active-backup:52:54:00:6c:00:01"
    made = controller(boot_files, SHELL_INIT, f"luna.service=1 {bond} {STATIC} luna.ip=fd00:6c75:6e61::15/64")
    lab = made.lab
    node = lab.machines[0]
    node.start()
    lab.events.wait(node.name, "luna: .*service mode", WAIT_S)
    over_ipv6 = lab.namespace.command(*ssh.command(lab.directory, "fd00:6c75:6e61::15"))
    code = "import luna_core.node.unpack; print(open('/proc/net/bonding/bond0').read())"
    assert "active-backup" in run([*over_ipv6, f'luna-python -c "{code}"'], timeout_s=WAIT_S)
    assert not lab.events.of("controller")
    lab.spawn("reboot", *ssh.command(lab.directory, "10.141.0.1"), "reboot")
    lab.events.wait(node.name, IPXE, WAIT_S, after=lab.events.of(node.name)[-1])


def test_a_tagged_vlan_carries_everything_that_the_node_says(controller: Callable, boot_files) -> None:
    made = controller(boot_files, SHELL_INIT, f"luna.service=1 luna.vlan=7 {STATIC}")
    lab = made.lab
    node = lab.machines[0]
    with lab.namespace.inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind(("tap1", 0))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.settimeout(WAIT_S)
    node.start()
    lab.events.wait(node.name, r"luna: .*network is up: luna\.7\S* .*10\.141\.0\.1/16", WAIT_S)
    assert any(tag == 7 for tag in vlan_tags(wire))


def vlan_tags(wire: socket.socket) -> Iterator[int]:
    """The VLAN of each frame that arrives (packet(7), PACKET_AUXDATA), 0 for none; ends when none comes for long."""
    with wire:
        while True:
            try:
                _, ancillary, _, _ = wire.recvmsg(65536, 256)
            except TimeoutError:
                return
            for _, _, data in ancillary:
                yield struct.unpack("=IIIHHHH", data[:20])[5] & 0xFFF
