"""`luna serve`: DHCP, DNS and the plugins' services under one supervisor, kept in step with the store."""

import asyncio
import fcntl
import json
import signal
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luna_core.errors import LunaError
from luna_core.services.boot_binaries import install_boot_files
from luna_core.services.network import NetworkServices
from luna_core.services.regenerate import Watch
from luna_core.services.supervisor import Supervisor, say
from luna_core.services.systemd import notify
from luna_core.settings import MachineSettings
from luna_core.types import Cluster, NetworkPlan, Service

if TYPE_CHECKING:
    from luna_core.hooks import Hooks

STATUS_FILE = "serve.json"
LOCK_FILE = "serve.lock"
BOOT_SERVER = Service(name="lweb", command=(sys.executable, "-m", "luna_core.web"))


class Server:
    """All that `luna serve` runs. `plan` and `newest` (which changes when the store does) are asked in a thread."""

    def __init__(
        self,
        settings: MachineSettings,
        hooks: "Hooks",
        *,
        plan: Callable[[], NetworkPlan],
        newest: Callable[[], Hashable],
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._plan = plan
        self._newest = newest
        self._network = NetworkServices(settings)
        self._missing: list[str] = []

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP refreshes at once. Raises LunaError if another one runs already."""
        self._settings.state_directory.mkdir(parents=True, exist_ok=True)
        with _alone(self._settings.state_directory / LOCK_FILE):
            supervisor = Supervisor(self._settings.state_directory / STATUS_FILE)
            try:
                await self._until_stopped(supervisor)
            finally:
                notify("STOPPING=1")
                await supervisor.stop()

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
        self._install_boot_files(plan.cluster)
        network = await asyncio.to_thread(self._network.refresh, plan)
        beside, failures = await asyncio.to_thread(self._services_beside, plan.cluster)
        problems = [*network.problems, *failures]
        for problem in problems:
            say(f"luna: {problem}")
        await supervisor.apply([*beside, *network.services], network.reloaded, problems)
        notify("READY=1")

    def _services_beside(self, cluster: Cluster) -> tuple[list[Service], list[str]]:
        services = [BOOT_SERVER, *(answer.value for answer in self._hooks.luna_services(cluster))]
        failures = [one for one in self._hooks.failures if one.hook == "luna_services"]
        return services, [f"plugin {one.plugin}: {one.reason}" for one in failures]

    def _install_boot_files(self, cluster: Cluster) -> None:
        try:
            missing = install_boot_files(cluster)
        except OSError as error:
            missing = [str(error)]
        if missing != self._missing:
            self._missing = missing
            say(f"luna: boot files that are missing in the setting tftp.directory: {', '.join(missing) or 'none'}")


def read_status(settings: MachineSettings) -> dict[str, Any]:
    """What the running `luna serve` wrote of itself: `pid`, `problems`, `services`. Raises LunaError if none runs."""
    directory = settings.state_directory
    try:
        with _alone(directory / LOCK_FILE):
            pass
    except LunaError:
        document: dict[str, Any] = json.loads((directory / STATUS_FILE).read_text())
        return document
    except OSError as error:
        raise LunaError(f"luna serve does not run on this machine: {error}.") from error
    raise LunaError("luna serve does not run on this machine.")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LunaError(f"luna serve runs already; it holds {path}.") from None
        yield
