"""A driver is found the moment it is installed, is what its group asks for, or the error says what is wrong."""

from pathlib import Path

import pytest
from stevedore.extension import ExtensionManager

from luna_core import drivers
from luna_core.errors import PluginError, StoreError, UnknownDriver
from luna_core.interfaces import PowerDriver
from luna_core.settings import MachineSettings
from luna_core.testing.fakes.bmc import FakePowerDriver
from luna_core.testing.fakes.distro import FakeDistro

GOOD = """
from luna_core.testing.fakes.bmc import FakePowerDriver
class Driver(FakePowerDriver): pass
"""
STORE = """
from luna_core.interfaces import Store
from luna_core.errors import StoreError
class Driver(Store):
    def __init__(self, url):
        super().__init__(url)
        if "closed" in url: raise StoreError("It is closed.")
        if "broken" in url: raise OSError("broken pipe")
    def run(self, work, *, write): raise NotImplementedError
    def close(self): pass
"""
SETTINGS = MachineSettings()


def install(site, distribution: str, source: str, *, group: str = "luna.bmc", name: str = "test", **more: str) -> None:
    module = distribution.replace("-", "_")
    site.install(distribution, source, group=group, name=name, target=f"{module}:Driver", **more)


def test_core_s_own_drivers_are_there() -> None:
    assert isinstance(drivers.load("luna.bmc", "fake", SETTINGS), FakePowerDriver)
    assert isinstance(drivers.load("luna.distro", "fake", SETTINGS), FakeDistro)


def test_a_driver_is_found_the_moment_it_is_installed(site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})
    stale = ExtensionManager("luna.bmc").entry_points_names()
    install(site, "luna-bmc-test", GOOD)
    assert ExtensionManager("luna.bmc").entry_points_names() == stale
    assert isinstance(drivers.load("luna.bmc", "test", SETTINGS), PowerDriver)


def test_known_drivers_are_listed_with_distribution_and_version(site, tmp_path: Path) -> None:
    install(site, "luna-bmc-test", f"Path({str(tmp_path / 'imported')!r}).touch()", version="4.5")
    known = {one.name: (one.kind, one.distribution, one.version) for one in drivers.known("luna.bmc", SETTINGS)}
    assert known["test"] == ("bmc", "luna-bmc-test", "4.5")
    assert known["fake"][:2] == ("bmc", "luna-core")
    assert not (tmp_path / "imported").exists()


def test_an_unknown_name_lists_the_known(site) -> None:
    install(site, "luna-bmc-test", GOOD)
    with pytest.raises(UnknownDriver, match=r"no bmc driver 'impi'\. Known are: fake, .*test"):
        drivers.load("luna.bmc", "impi", SETTINGS)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nonexistent_library", "No module named 'nonexistent_library'"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("Other = 1", "AttributeError"),
        ("Driver = 1", "luna_bmc_test:Driver is no subclass of PowerDriver"),
        ("class Driver: pass", "luna_bmc_test:Driver is no subclass of PowerDriver"),
        (
            "from luna_core.interfaces import PowerDriver\nclass Driver(PowerDriver):\n    def state(self, bmc): ...",
            "lacks act, set_boot_device",
        ),
        (GOOD.replace("pass", "__init__ = lambda self: 1 / 0"), "ZeroDivisionError"),
    ],
)
def test_a_driver_that_is_broken_says_how(site, source: str, reason: str) -> None:
    install(site, "luna-bmc-test", source)
    with pytest.raises(PluginError) as raised:
        drivers.load("luna.bmc", "test", SETTINGS)
    assert reason in str(raised.value)
    assert "'test'" in str(raised.value)


@pytest.mark.parametrize("disabled", [{"no_plugins": True}, {"disabled_plugins": frozenset({"luna-bmc-test"})}])
def test_a_disabled_driver_is_never_imported(site, tmp_path: Path, disabled: dict) -> None:
    install(site, "luna-bmc-test", f"Path({str(tmp_path / 'imported')!r}).touch()")
    with pytest.raises(UnknownDriver, match="'test' is disabled: "):
        drivers.load("luna.bmc", "test", MachineSettings(**disabled))
    assert not (tmp_path / "imported").exists()
    assert drivers.load("luna.bmc", "fake", MachineSettings(**disabled))


def test_a_driver_for_another_luna_is_refused(site) -> None:
    install(site, "luna-bmc-test", GOOD, requires="luna-core>=99")
    with pytest.raises(UnknownDriver, match="it needs luna-core>=99"):
        drivers.load("luna.bmc", "test", SETTINGS)


def test_of_two_drivers_of_one_name_the_first_is_used_and_both_are_named(site) -> None:
    install(site, "luna-bmc-b", GOOD)
    install(site, "luna-bmc-a", GOOD)
    assert type(drivers.load("luna.bmc", "test", SETTINGS)).__module__ == "luna_bmc_a"
    (refused,) = (one for one in drivers.known("luna.bmc", SETTINGS) if one.distribution == "luna-bmc-b")
    assert refused.reason.startswith("luna-bmc-a 1.2 and luna-bmc-b 1.2 both provide 'test'")


def test_nobody_replaces_a_driver_of_luna_s_own(site) -> None:
    install(site, "aaa", GOOD, name="fake")
    assert type(drivers.load("luna.bmc", "fake", SETTINGS)) is FakePowerDriver


def test_examining_tells_what_can_not_be_imported(site) -> None:
    install(site, "luna-bmc-test", "import nonexistent_library")
    (record,) = (one for one in drivers.examined("luna.bmc", SETTINGS) if one.name == "test")
    assert record.status == "failed"
    assert "nonexistent_library" in record.reason


class TestStores:
    def test_a_store_opens_the_url(self, site) -> None:
        install(site, "luna-store-test", STORE, group="luna.store")
        assert drivers.load("luna.store", "test", MachineSettings(store="test://host/db")).url == "test://host/db"

    def test_its_own_error_comes_through(self, site) -> None:
        install(site, "luna-store-test", STORE, group="luna.store")
        with pytest.raises(StoreError, match=r"It is closed\."):
            drivers.load("luna.store", "test", MachineSettings(store="test://closed"))
        with pytest.raises(PluginError, match="broken pipe"):
            drivers.load("luna.store", "test", MachineSettings(store="test://broken"))


def test_the_developer_of_a_driver_sees_its_exception(site) -> None:
    install(site, "luna-bmc-test", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        drivers.load("luna.bmc", "test", MachineSettings(debug=True))
