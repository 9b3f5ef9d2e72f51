"""The DHCP and DNS servers that the cluster's settings choose, and where their files are."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from luna_core import drivers
from luna_core.errors import LunaError
from luna_core.interfaces import NetworkService
from luna_core.services import configured
from luna_core.services.scopes import NO_SERVER
from luna_core.services.update import update
from luna_core.settings import MachineSettings
from luna_core.types import Cluster, NetworkPlan, Service

DHCP, DNS = "dhcp", "dns"


@dataclass(frozen=True, kw_only=True)
class NetworkServer:
    """One of them; `kind` is dhcp or dns."""

    kind: str
    driver: NetworkService
    directory: Path


def network_servers(cluster: Cluster, settings: MachineSettings) -> Iterator[NetworkServer]:
    """The chosen servers, without those that are `none`. Raises UnknownDriver or PluginError."""
    home = settings.state_directory / "services"
    dhcp, dns = (configured.text(cluster, f"{kind}.server") for kind in (DHCP, DNS))
    if dhcp != NO_SERVER:
        yield NetworkServer(kind=DHCP, driver=drivers.load("luna.dhcp", dhcp, settings), directory=home / DHCP)
    if dns != NO_SERVER:
        yield NetworkServer(kind=DNS, driver=drivers.load("luna.dns", dns, settings), directory=home / DNS)


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What is to run after a refresh, which of it must read its files again, and what went wrong, in sentences.

    `is_whole` is false if files could not be written, which another refresh may mend.
    """

    services: tuple[Service, ...]
    reloaded: frozenset[str]
    problems: tuple[str, ...]
    is_whole: bool = True


class NetworkServices:
    """Brings the files of these kinds of servers up to date, again and again; remembers what each runs and has read."""

    def __init__(self, settings: MachineSettings, kinds: Collection[str] = (DHCP, DNS)) -> None:
        self._settings = settings
        self._kinds = kinds
        self._services: dict[str, Sequence[Service]] = {}
        self._generations: dict[str, Path] = {}

    def refresh(self, plan: NetworkPlan) -> Refreshed:
        """Write what changed. A server whose files are refused goes on with the old ones, and is a problem."""
        reloaded: set[str] = set()
        problems = []
        is_whole = True
        try:
            servers = [one for one in network_servers(plan.cluster, self._settings) if one.kind in self._kinds]
        except LunaError as error:
            return self._refreshed(set(), [str(error)])
        self._services = {one.kind: self._services.get(one.kind, ()) for one in servers}
        for one in servers:
            try:
                update(one.driver, plan, one.directory)
                self._services[one.kind] = one.driver.services(plan, one.directory)
            except (LunaError, OSError) as error:
                problems.append(f"{one.kind}: the old files stay in force: {error}")
                is_whole = is_whole and isinstance(error, LunaError)
                self._run_old(one, plan)
            generation = one.directory.resolve()
            if self._generations.get(one.kind) != generation:
                self._generations[one.kind] = generation
                reloaded |= {service.name for service in self._services[one.kind]}
        return replace(self._refreshed(reloaded, problems), is_whole=is_whole)

    def _run_old(self, one: NetworkServer, plan: NetworkPlan) -> None:
        """What runs goes on; what doesn't yet, after a start, begins with the files that are there."""
        if not self._services[one.kind] and one.directory.exists():
            with suppress(LunaError, OSError):
                self._services[one.kind] = one.driver.services(plan, one.directory)

    def is_stale(self) -> bool:
        """Whether someone else put other files in force since the last refresh."""
        home = self._settings.state_directory / "services"
        return any((home / kind).resolve() != seen for kind, seen in self._generations.items())

    def _refreshed(self, reloaded: set[str], problems: Sequence[str]) -> Refreshed:
        services = tuple(service for kind in self._services.values() for service in kind)
        return Refreshed(services=services, reloaded=frozenset(reloaded), problems=tuple(problems))
