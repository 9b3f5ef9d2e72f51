"""Which plugins and drivers are installed, and the plugins' modules: found, judged, isolated.

What is disabled, meant for another luna or open to tampering is refused before any of its code runs.
"""

import logging
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.machinery import SourceFileLoader
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Literal

from luna_core import __version__
from luna_core.errors import LunaError, PluginError
from luna_core.settings import MachineSettings

PLUGIN_GROUP = "luna.plugins"
TRUSTED_UID = 0
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger("luna.plugins")


@dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """A plugin, drop-in or driver that was found; `kind` is `plugin`, `drop-in` or a driver's, such as `bmc`.

    `origin` is what its entry point names, or the drop-in's file. `reason` says why it isn't active.
    """

    name: str
    kind: str
    origin: str
    distribution: str = ""
    version: str = ""
    status: Literal["active", "disabled", "failed"] = "active"
    reason: str = ""


class Plugins:
    """The plugins that the machine's settings let in. They are imported when `modules` is first asked for."""

    def __init__(self, settings: MachineSettings, found: Iterable[PluginRecord] | None = None) -> None:
        self.settings = settings
        self._records = discover(settings) if found is None else judge(found, settings)

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Everything that was found, with the status that is known by now."""
        return tuple(self._records)

    @cached_property
    def modules(self) -> Mapping[str, ModuleType]:
        """The module of every plugin that can be imported, by the plugin's name."""
        return dict(self._import_all())

    def refuse(self, name: str, reason: str) -> None:
        """Mark the active plugin `name` as failed; raises PluginError for whoever develops plugins."""
        if self.settings.debug:
            raise PluginError(name, "its registration", reason)
        log.warning("plugin %s is left out: %s", name, reason)
        failed = {one: replace(one, status="failed", reason=reason) for one in self._records if _is(one, name)}
        self._records = [failed.get(one, one) for one in self._records]

    def _import_all(self) -> Iterator[tuple[str, ModuleType]]:
        for record in self.records:
            if record.status == "active":
                try:
                    yield record.name, import_module_of(record)
                except (Exception, SystemExit) as error:
                    if self.settings.debug:
                        raise
                    log.debug("plugin %s", record.name, exc_info=True)
                    self.refuse(record.name, explain(error))


def discover(settings: MachineSettings) -> list[PluginRecord]:
    """Every plugin and drop-in, judged by the settings; nothing is imported."""
    return judge([*entry_point_records(PLUGIN_GROUP), *drop_ins(settings.plugin_directory)], settings)


def judge(found: Iterable[PluginRecord], settings: MachineSettings) -> list[PluginRecord]:
    """The same records with those marked that are disabled, or whose name an earlier one has."""
    judged: list[PluginRecord] = []
    holders: dict[str, PluginRecord] = {}
    for record in found:
        if reason := _why_disabled(record, settings):
            record = replace(record, status="disabled", reason=reason)
        elif record.status == "active" and (holder := holders.get(record.name)):
            reason = f"{_source(holder)} and {_source(record)} both provide {record.name!r}; the first is used"
            record = replace(record, status="failed", reason=reason)
        elif record.status == "active":
            holders[record.name] = record
        judged.append(record)
    return judged


def entry_point_records(group: str) -> list[PluginRecord]:
    """What the installed distributions announce in an entry-point group: luna-core's first, then by distribution.

    `importlib.metadata` is asked each time: stevedore's cache drops versions and can be minutes out of date.
    """
    kind = "plugin" if group == PLUGIN_GROUP else group.removeprefix("luna.")
    records = [_entry_point_record(point, kind) for point in entry_points(group=group)]
    return sorted(records, key=lambda one: (one.distribution != "luna-core", one.distribution, one.name))


def drop_ins(directory: Path) -> list[PluginRecord]:
    """The files NAME.py of a directory; each, and the directory, must be root's and writable by nobody else."""
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == ".py" and path.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = f"it can't be listed: {error.strerror}"
        return [PluginRecord(name="*", kind="drop-in", origin=str(directory), status="failed", reason=reason)]
    return [drop_in(path) for path in files]


def drop_in(path: Path) -> PluginRecord:
    """The record of a single drop-in file, refused unless only root can have written it."""
    reason = _why_untrusted(path.parent.resolve()) or _why_untrusted(path)
    status: Literal["active", "failed"] = "failed" if reason else "active"
    return PluginRecord(name=path.stem, kind="drop-in", origin=str(path), status=status, reason=reason)


def import_module_of(record: PluginRecord) -> ModuleType:
    """Import a plugin's module. Raises whatever its code raises, TypeError if its entry point is no module."""
    if record.kind == "drop-in":
        return _import_file(Path(record.origin))
    module = EntryPoint(name=record.name, value=record.origin, group=PLUGIN_GROUP).load()
    if not isinstance(module, ModuleType):
        raise TypeError(f"{record.origin} is a {type(module).__name__}; accepted is a module")
    return module


def explain(error: BaseException) -> str:
    """An exception in words: luna's own are sentences already, others need their type."""
    if isinstance(error, LunaError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _is(record: PluginRecord, name: str) -> bool:
    return record.name == name and record.status == "active"


def _why_disabled(record: PluginRecord, settings: MachineSettings) -> str:
    if record.distribution == "luna-core":
        return ""
    if settings.no_plugins:
        return "no plugins are wanted (LUNA_NO_PLUGINS or plugins.none)"
    named = {record.name, record.distribution} & settings.disabled_plugins
    return f"{named.pop()!r} is disabled (LUNA_DISABLE_PLUGINS or plugins.disabled)" if named else ""


def _source(record: PluginRecord) -> str:
    return f"{record.distribution} {record.version}" if record.distribution else record.origin


def _entry_point_record(point: EntryPoint, kind: str) -> PluginRecord:
    distribution = point.dist
    if distribution is None:
        return PluginRecord(name=point.name, kind=kind, origin=point.value)
    reason = _why_incompatible(distribution)
    return PluginRecord(
        name=point.name,
        kind=kind,
        origin=point.value,
        distribution=distribution.name,
        version=distribution.version,
        status="failed" if reason else "active",
        reason=reason,
    )


def _why_incompatible(distribution: Distribution) -> str:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        needed = [Requirement(line) for line in distribution.requires or ()]
    except InvalidRequirement as error:
        return f"what it requires can't be read: {error}"
    for one in needed:
        applies = one.marker is None or one.marker.evaluate({"extra": ""})
        admitted = one.specifier.contains(__version__, prereleases=True)
        if canonicalize_name(one.name) == "luna-core" and applies and not admitted:
            return f"it needs luna-core{one.specifier}, and this is luna-core {__version__}"
    return ""


def _why_untrusted(path: Path) -> str:
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        return f"{path} is a symbolic link; accepted is a file"
    if state.st_uid != TRUSTED_UID:
        return f"{path} belongs to user {state.st_uid}; accepted is root (0)"
    if state.st_mode & WRITABLE_BY_OTHERS:
        return f"{path} has mode {stat.S_IMODE(state.st_mode):o}; accepted is that only its owner can write"
    return ""


def _import_file(path: Path) -> ModuleType:
    name = f"luna_drop_in_{path.stem}"
    spec = spec_from_file_location(name, path, loader=_SourceOnlyLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file", name=name, path=str(path))
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _SourceOnlyLoader(SourceFileLoader):
    """Neither reads nor leaves compiled files beside a drop-in: /etc is no place for them."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)
