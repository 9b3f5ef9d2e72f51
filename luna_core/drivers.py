"""One named driver: found by its entry point, imported, checked against its interface and created."""

import inspect
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any, Literal, overload

from stevedore.driver import DriverManager

from luna_core.errors import LunaError, PluginError, UnknownDriver, did_you_mean
from luna_core.interfaces import DRIVERS, Distro, NetworkService, PowerDriver, Store, abstract_methods
from luna_core.plugins import PluginRecord, entry_point_records, explain, judge
from luna_core.settings import MachineSettings


@overload
def load(group: Literal["luna.distro"], name: str, settings: MachineSettings) -> Distro: ...
@overload
def load(group: Literal["luna.bmc"], name: str, settings: MachineSettings) -> PowerDriver: ...
@overload
def load(group: Literal["luna.store"], name: str, settings: MachineSettings) -> Store: ...
@overload
def load(group: Literal["luna.dhcp", "luna.dns"], name: str, settings: MachineSettings) -> NetworkService: ...


def load(group: str, name: str, settings: MachineSettings) -> object:
    """Create the driver `name` of an entry-point group; a store opens `settings.store`. Callers keep what they get.

    Raises UnknownDriver for a name that isn't installed or is disabled, PluginError for a driver that can't be used,
    and whatever LunaError its constructor raises.
    """
    driver = driver_class(group, _active(group, name, settings), debug=settings.debug)
    try:
        return driver(settings.store) if group == "luna.store" else driver()
    except Exception as error:
        if settings.debug or isinstance(error, LunaError):
            raise
        raise PluginError(name, group, explain(error)) from error


def known(group: str, settings: MachineSettings) -> list[PluginRecord]:
    """What is installed for an entry-point group, with distribution and version; nothing is imported."""
    return judge(entry_point_records(group), settings)


def examined(group: str, settings: MachineSettings) -> list[PluginRecord]:
    """What is installed for an entry-point group, after an attempt to import what is active."""
    return [_examined(group, record) if record.status == "active" else record for record in known(group, settings)]


def driver_class(group: str, record: PluginRecord, *, debug: bool = False) -> type[Any]:
    """Import the class of a driver. Raises PluginError if that fails or it isn't what the group asks for."""
    try:
        driver = _FreshDriverManager(group, record).driver
    except (Exception, SystemExit) as error:
        if debug:
            raise
        raise PluginError(record.name, group, explain(error)) from error
    interface = DRIVERS[group]
    if not inspect.isclass(driver) or not issubclass(driver, interface):
        raise PluginError(record.name, group, f"{record.origin} is no subclass of {interface.__name__}.")
    if missing := abstract_methods(driver):
        raise PluginError(record.name, group, f"{record.origin} lacks {', '.join(missing)}.")
    return driver


def _examined(group: str, record: PluginRecord) -> PluginRecord:
    try:
        driver_class(group, record)
    except PluginError as error:
        return replace(record, status="failed", reason=error.reason)
    return record


def _active(group: str, name: str, settings: MachineSettings) -> PluginRecord:
    records = known(group, settings)
    of_that_name = sorted((one for one in records if one.name == name), key=lambda one: one.status != "active")
    if of_that_name and of_that_name[0].status == "active":
        return of_that_name[0]
    kind = group.removeprefix("luna.")
    active = [one.name for one in records if one.status == "active"]
    others = ", ".join(active) or "none"
    if of_that_name:
        record = of_that_name[0]
        raise UnknownDriver(f"The {kind} driver {name!r} is {record.status}: {record.reason}. Known are: {others}.")
    raise UnknownDriver(f"There is no {kind} driver {name!r}. Known are: {others}.{did_you_mean(name, active)}")


class _FreshDriverManager(DriverManager[object]):
    """Loads the very entry point that was found: stevedore's own list can be minutes out of date."""

    def __init__(self, group: str, record: PluginRecord) -> None:
        self._entry_point = EntryPoint(name=record.name, value=record.origin, group=group)
        super().__init__(group, record.name)

    def list_entry_points(self) -> list[EntryPoint]:
        return [self._entry_point]
