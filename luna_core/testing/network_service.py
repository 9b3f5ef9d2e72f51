"""What luna expects of a DHCP or DNS server's driver, as tests."""

from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from luna_core.errors import CommandFailed
from luna_core.interfaces import NetworkService
from luna_core.testing import facts
from luna_core.types import NetworkPlan


class NetworkServiceContract:
    """Set `driver_class`; override `plan` for one with more in it. The daemon's own checker must be installed."""

    driver_class: ClassVar[type[NetworkService]]

    @pytest.fixture
    def driver(self) -> NetworkService:
        """A driver, created as luna does."""
        return self.driver_class()

    @pytest.fixture
    def plan(self) -> NetworkPlan:
        """What is to be served."""
        return facts.plan()

    @pytest.fixture
    def written(self, driver: NetworkService, plan: NetworkPlan, tmp_path: Path) -> Path:
        """The directory with the rendered files."""
        for name, text in driver.render(plan, tmp_path).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    def test_the_same_plan_gives_the_same_files(
        self, driver: NetworkService, plan: NetworkPlan, tmp_path: Path
    ) -> None:
        """So that a daemon is reloaded only when something changed."""
        assert driver.render(plan, tmp_path) == type(driver)().render(plan, tmp_path)

    def test_file_names_stay_in_the_directory(self, driver: NetworkService, plan: NetworkPlan, tmp_path: Path) -> None:
        """They are relative and don't climb."""
        names = [PurePosixPath(name) for name in driver.render(plan, tmp_path)]
        assert names
        assert not [name for name in names if name.is_absolute() or ".." in name.parts]

    def test_every_host_is_served(self, driver: NetworkService, plan: NetworkPlan, tmp_path: Path) -> None:
        """Every host that has a MAC is in the files by its name."""
        text = "".join(driver.render(plan, tmp_path).values())
        assert not [host.name for host in plan.hosts if host.mac and host.name not in text]

    def test_the_daemon_accepts_the_files(self, driver: NetworkService, written: Path) -> None:
        """Its own checker reads them."""
        driver.check(written)

    def test_the_daemon_s_complaint_is_passed_on(self, driver: NetworkService, written: Path) -> None:
        """Nonsense in the files fails the check."""
        for path in written.rglob("*"):
            if path.is_file():
                path.write_text("{ this is nonsense = \n")
        with pytest.raises(CommandFailed):
            driver.check(written)

    def test_services_are_commands(self, driver: NetworkService, plan: NetworkPlan, written: Path) -> None:
        """Each names a program to run in the foreground."""
        services = driver.services(plan, written)
        assert services
        assert all(service.command for service in services)
