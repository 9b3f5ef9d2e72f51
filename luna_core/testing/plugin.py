"""The pytest plugin: fixtures that keep a test from finding any plugin that it doesn't name."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from luna_core.hooks import Hooks
    from luna_core.settings import MachineSettings

# Every test run of every project that has luna-core installed imports this file: the rest waits until it is needed.
pytest.register_assert_rewrite("luna_core.testing")


@pytest.fixture
def luna_settings(tmp_path: Path) -> "MachineSettings":
    """Settings of a machine whose state, store, key and drop-ins are below `tmp_path`, and that finds no plugins."""
    from luna_core.settings import MachineSettings

    return MachineSettings(
        state_directory=tmp_path,
        store=f"sqlite://{tmp_path / 'luna.db'}",
        key_file=tmp_path / "luna.key",
        plugin_directory=tmp_path / "plugins",
        no_plugins=True,
    )


@pytest.fixture
def luna_plugins() -> "Callable[..., Hooks]":
    """Call it with the names of modules to get the hooks of those plugins and of no others."""

    def only(*modules: str) -> "Hooks":
        from luna_core.hooks import Hooks
        from luna_core.plugins import PluginRecord, Plugins
        from luna_core.settings import MachineSettings

        records = [PluginRecord(name=module, kind="plugin", origin=module) for module in modules]
        return Hooks(Plugins(MachineSettings(), records))

    return only
