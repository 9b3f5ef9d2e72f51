"""`luna serve`: DHCP, DNS and the plugins' services under one supervisor, kept in step with the store."""

import asyncio
import signal
import sys
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from luna_core.errors import BadInput, LunaError
from luna_core.services import configured
from luna_core.services.boot_binaries import install_boot_files
from luna_core.services.network import DHCP, DNS, NetworkServices
from luna_core.services.regenerate import Watch
from luna_core.services.status import alone
from luna_core.services.supervisor import Supervisor, say
from luna_core.services.systemd import notify
from luna_core.services.user import chosen_user
from luna_core.settings import MachineSettings
from luna_core.types import Cluster, NetworkPlan, Service

if TYPE_CHECKING:
    from luna_core.hooks import Hooks

BOOT_SERVER = "lweb"


def part_names(hooks: "Hooks", cluster: Cluster) -> list[str]:
    """The parts that can run on their own, as in `luna serve --only NAME`: dhcp, dns and each service beside them."""
    return [DHCP, DNS, BOOT_SERVER, *(answer.value.name for answer in hooks.luna_services(cluster))]


def _boot_server(cluster: Cluster) -> Service:
    # As words of the command, so that a change of the settings starts it anew.
    ports = ("--port", "http.port"), ("--https-port", "https.port")
    words = (word for option, name in ports for word in (option, str(configured.number(cluster, name))))
    return Service(name=BOOT_SERVER, command=(sys.executable, "-m", "luna_core.web", *words))


class Server:
    """What `luna serve` runs: everything, or `only` one part.

    `plan` and `newest` (which changes when the store does) are asked in a thread.
    """

    def __init__(
        self,
        settings: MachineSettings,
        hooks: "Hooks",
        *,
        plan: Callable[[], NetworkPlan],
        newest: Callable[[], Hashable],
        only: str | None = None,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._plan = plan
        self._newest = newest
        self._only = only
        self._network = NetworkServices(settings, [kind for kind in (DHCP, DNS) if self._is_wanted(kind)])
        self._user: str | None = None
        self._why_root = ""
        self._missing: list[str] = []
        self._problems: list[str] = []

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP refreshes at once.

        Raises LunaError if another one runs already, BadInput if there is no part of that name.
        """
        if self._only is not None:
            self._refuse_unknown(self._only)
        with alone(self._settings.state_directory, self._only) as status_file:
            self._user, self._why_root = chosen_user(self._settings)
            supervisor = Supervisor(status_file)
            try:
                await self._until_stopped(supervisor)
            finally:
                notify("STOPPING=1")
                await supervisor.stop()

    def _refuse_unknown(self, part: str) -> None:
        names = part_names(self._hooks, self._plan().cluster)
        if part not in names:
            raise BadInput(f"--only: {part!r} was given; accepted are {', '.join(names)}.")

    def _is_wanted(self, part: str) -> bool:
        return self._only in (None, part)

    async def _until_stopped(self, supervisor: Supervisor) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        asked = 0

        def ask_for_refresh() -> None:
            nonlocal asked
            asked += 1

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        loop.add_signal_handler(signal.SIGHUP, ask_for_refresh)
        watch = Watch(
            newest=lambda: (asked, self._newest(), self._network.is_stale()),
            refresh=lambda: self._refresh(supervisor),
        )
        watching = asyncio.create_task(watch.run())
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait([watching, stopping], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        for task in (watching, stopping):
            task.cancel()
        await asyncio.wait([watching, stopping])

    async def _refresh(self, supervisor: Supervisor) -> None:
        plan = await asyncio.to_thread(self._plan)
        if self._is_wanted(DHCP):
            self._install_boot_files(plan.cluster)
        network = await asyncio.to_thread(self._network.refresh, plan)
        beside, failures = await asyncio.to_thread(self._services_beside, plan.cluster)
        problems = [*network.problems, *failures]
        for problem in problems:
            if problem not in self._problems:
                say(f"luna: {problem}")
        self._problems = problems
        await supervisor.apply([*beside, *network.services], network.reloaded, problems)
        notify("READY=1")
        if not network.is_whole:
            raise LunaError("What could not be written is tried again until it can be.")

    def _services_beside(self, cluster: Cluster) -> tuple[list[Service], list[str]]:
        every = [_boot_server(cluster), *(answer.value for answer in self._hooks.luna_services(cluster))]
        services = [replace(one, user=one.user or self._user) for one in every if self._is_wanted(one.name)]
        failures = [f"plugin {one.plugin}: {one.reason}" for one in self._hooks.failures if one.hook == "luna_services"]
        if self._why_root and services:
            failures.append(self._why_root)
        return services, failures

    def _install_boot_files(self, cluster: Cluster) -> None:
        try:
            missing = install_boot_files(cluster)
        except OSError as error:
            missing = [str(error)]
        if missing != self._missing:
            self._missing = missing
            say(f"luna: boot files that are missing in the setting tftp.directory: {', '.join(missing) or 'none'}")
