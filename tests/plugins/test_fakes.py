"""Our own fakes keep to the contracts that third parties test theirs against."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from luna_core.errors import CommandFailed, LunaError
from luna_core.hooks import Hooks
from luna_core.interfaces import Distro
from luna_core.run import run
from luna_core.testing import fake_transport
from luna_core.testing.distro import DistroContract
from luna_core.testing.fakes.bmc import FakePowerDriver
from luna_core.testing.fakes.distro import FakeDistro
from luna_core.testing.power import PowerDriverContract
from luna_core.testing.transport import TransportContract
from luna_core.types import BmcTarget, Image, ImageVersion, Node, PowerAction, PowerState, SettingValue


class TestFakeTransport(TransportContract):
    module = "luna_core.testing.fake_transport"

    @pytest.fixture
    def settings(self, tmp_path: Path) -> dict[str, SettingValue]:
        return {fake_transport.DIRECTORY.name: str(tmp_path / "offered")}

    def test_the_endpoint_holds_the_version(self, hooks: Hooks, version: ImageVersion, node: Node) -> None:
        hooks.luna_transport_publish(version)
        (endpoint,) = hooks.luna_transport_endpoints(version, node)
        directory = Path(endpoint.value.url.removeprefix("file://"))
        assert (directory / "manifest.json").read_bytes() == (version.directory / "manifest.json").read_bytes()


class TestFakePowerDriver(PowerDriverContract):
    driver_class = FakePowerDriver

    @pytest.fixture
    def bmc(self) -> BmcTarget:
        return target("10.148.0.1")

    @pytest.fixture
    def dead_bmc(self) -> BmcTarget:
        return target("10.148.0.2", fault="dead")

    @pytest.fixture
    def refusing_bmc(self) -> BmcTarget:
        return target("10.148.0.3", fault="refuse")


class TestFakeDistro(DistroContract):
    driver_class = FakeDistro

    @pytest.fixture
    def tree(self, distro: Distro, image: Image) -> Path:
        distro.build(image, image.path, ["vim"], print)
        return image.path

    def test_its_initramfs_command_runs_inside_the_tree(self, distro: Distro, tree: Path, image: Image) -> None:
        (kernel,) = distro.kernels(tree)
        run(["unshare", "--user", "--map-root-user", "chroot", tree, *distro.initramfs_command(image, kernel, "/out")])
        assert kernel.release in (tree / "out").read_text()

    def test_a_missing_package_stops_the_build(self, distro: Distro, image: Image) -> None:
        with pytest.raises(CommandFailed, match="missing"):
            distro.build(image, image.path, ["missing"], print)


def test_a_slow_fake_bmc_answers_unless_its_time_is_up() -> None:
    driver = FakePowerDriver()
    driver.act(target("10.148.0.4", delay_s="0.01"), PowerAction.ON)
    assert driver.state(target("10.148.0.4")) is PowerState.ON
    with pytest.raises(LunaError, match="did not answer within"):
        driver.state(target("10.148.0.4", delay_s="60"))


def target(address: str, **options: str) -> BmcTarget:
    password = "sw0rdfish"
    return BmcTarget(
        node="node001",
        address=ip_address(address),
        username="admin",
        password=password,
        timeout_s=0.05,
        options=options,
    )
