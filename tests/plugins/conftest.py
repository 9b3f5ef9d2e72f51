"""Distributions that are really installed, in a directory of the test's own."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from luna_core.hooks import Hooks
from luna_core.plugins import PLUGIN_GROUP, Plugins, entry_point_records
from luna_core.settings import MachineSettings

HEADER = """
from collections.abc import Iterable
from pathlib import Path
import luna_core.types as t
from luna_core.hookspecs import hookimpl
"""


class Site:
    """A directory on sys.path, as site-packages is one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.distributions: list[str] = []

    def install(
        self,
        distribution: str,
        source: str,
        *,
        requires: str = "luna-core>=0.1,<1",
        version: str = "1.2",
        group: str = PLUGIN_GROUP,
        name: str = "",
        target: str = "",
    ) -> str:
        """Install one module with an entry point in `group`; returns the module's name."""
        module = distribution.replace("-", "_")
        (self.directory / f"{module}.py").write_text(HEADER + dedent(source))
        metadata = self.directory / f"{module}-{version}.dist-info"
        metadata.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}", f"Requires-Dist: {requires}"]
        (metadata / "METADATA").write_text("\n".join(lines) + "\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{name or distribution} = {target or module}\n")
        self.distributions.append(distribution)
        return module

    def hooks(self, settings: MachineSettings | None = None) -> Hooks:
        """The hooks of what was installed here, found and judged as luna does; nothing else of the machine."""
        here = [one for one in entry_point_records(PLUGIN_GROUP) if one.distribution in self.distributions]
        return Hooks(Plugins(settings or MachineSettings(), here))

    def status(self, hooks: Hooks) -> Mapping[str, tuple[str, str]]:
        """Status and reason of every plugin, by its distribution."""
        return {one.distribution: (one.status, one.reason) for one in hooks.records}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    directory = tmp_path / "site-packages"
    directory.mkdir()
    monkeypatch.syspath_prepend(directory)
    before = set(sys.modules)
    yield Site(directory)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def installed(site: Site) -> Callable[..., Hooks]:
    """Install plugins, each as `name="source"`, and get their hooks."""

    def install(**sources: str) -> Hooks:
        for name, source in sources.items():
            site.install(name, source)
        return site.hooks()

    return install
