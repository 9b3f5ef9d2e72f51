"""A machine whose UEFI boots by HTTP gets the rest by HTTP too, through an initramfs in which systemd is the init."""

from collections.abc import Iterator

import pytest

from luna_core.run import run
from luna_lab.controller import Controller
from luna_lab.demo import boot_all, prove, shares
from luna_lab.lab import Lab

BOOT_WITHIN_S = 1500.0
SYSTEMD = "systemd,systemd-initrd,dracut-systemd"
pytestmark = pytest.mark.timeout(2400)


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    with Lab(memory_mb=1024, uefi_http=True) as lab:
        controller = Controller(lab, disabled_plugins=["torrent"], dracut_modules=SYSTEMD)
        controller.serve()
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        yield controller


def test_a_node_with_uefi_is_itself_and_runs_without_failed_units(controller: Controller) -> None:
    lab = controller.lab
    prove(lab, lab.machines[0])
    lab.on_node(lab.machines[0], "test -d /sys/firmware/efi")


def test_its_firmware_fetched_ipxe_by_http(controller: Controller) -> None:
    said = "\n".join(event.text for event in controller.lab.events.of("node001"))
    assert "Start HTTP Boot over IPv4" in said
    assert "PXEv4" not in said


def test_systemd_was_the_init_of_the_initramfs(controller: Controller) -> None:
    lab = controller.lab
    asked = "systemctl show --property=InitRDTimestampMonotonic --value"
    assert int(lab.on_node(lab.machines[0], asked)) > 0


def test_every_byte_came_from_the_controller_and_nothing_of_bittorrent_ran(controller: Controller) -> None:
    result = shares(controller, ["node001"])
    assert result.peer_bytes == 0
    assert result.server_bytes > 50_000_000
    assert run(controller.lab.namespace.command("ss", "-Hltn", "sport = :6881")) == ""
    assert "rrent" not in controller.luna("node", "show", "node001", "--script", "install")
