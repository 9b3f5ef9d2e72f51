"""The plugin under test, by itself: no other plugin is found, and its exceptions are raised as they are."""

import sys
from functools import cached_property
from pathlib import Path

from luna_core.hooks import Hooks
from luna_core.plugins import PLUGIN_GROUP, PluginRecord, Plugins, drop_in, entry_point_records
from luna_core.settings import CORE_SETTINGS, MachineSettings, resolve
from luna_core.types import SettingValue


class Subject:
    """A plugin that is called by nobody else; `hooks` imports it."""

    def __init__(self, record: PluginRecord) -> None:
        self.record = record
        self.hooks = Hooks(Plugins(MachineSettings(debug=True), [record]))

    @classmethod
    def of_module(cls, module: str) -> "Subject":
        """The plugin whose module is `module`, as its entry point announces it if it is installed."""
        announced = (one for one in entry_point_records(PLUGIN_GROUP) if one.origin == module)
        return cls(next(announced, PluginRecord(name=module, kind="plugin", origin=module)))

    @classmethod
    def of_file(cls, path: Path) -> "Subject":
        """The plugin in a drop-in file."""
        return cls(drop_in(path))

    @cached_property
    def implemented(self) -> list[str]:
        """The names of the hooks that it answers."""
        return self.hooks.implemented_by(self.record.name)

    @cached_property
    def settings(self) -> dict[str, SettingValue]:
        """The cluster's settings as they are when nobody changed any, the plugin's own among them."""
        own = [answer.value for answer in self.hooks.luna_settings()]
        return resolve([*CORE_SETTINGS, *own], {})

    @property
    def package(self) -> str:
        """The top-level package or module that it lives in."""
        return self.record.origin.partition(".")[0].partition(":")[0]


def search_path() -> dict[str, str]:
    """What lets a subprocess import what this process can."""
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
