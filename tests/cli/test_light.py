"""`luna --help`, completion and lists import no more than they need."""

import subprocess
import sys
from typing import Any

import pytest

LOADED = "import sys; from luna_core.cli.main import run; run({words}); sys.stderr.write('\\n'.join(sys.modules))"
LIBRARIES = {"click", "pluggy", "packaging", "luna_core"}
CORE = {
    "luna_core.cli",
    "luna_core.cli.main",
    "luna_core.contract",
    "luna_core.errors",
    "luna_core.hooks",
    "luna_core.hookspecs",
    "luna_core.interfaces",
    "luna_core.plugins",
    "luna_core.run",  # which hook modules may import
    "luna_core.settings",
    "luna_core.types",
}


def modules_after(*words: str) -> set[str]:
    code = LOADED.format(words=list(words))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines())


def of_environment() -> set[str]:
    """What the installation itself imports at start-up, such as the finder of an editable package."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print('\\n'.join(sys.modules))"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines())


def plugin_packages() -> set[str]:
    """The packages whose hook modules are imported; what these import of others is not in here."""
    from importlib.metadata import entry_points

    return {entry.module.partition(".")[0] for entry in entry_points(group="luna.plugins")}


def test_help_with_all_plugins_imports_nothing_else(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    loaded = modules_after("--help") - of_environment()
    core = {name for name in loaded if name.startswith("luna_core")}
    assert core - {"luna_core"} <= CORE
    allowed = set(sys.stdlib_module_names) | LIBRARIES | plugin_packages()
    assert {name for name in loaded if name.partition(".")[0] not in allowed} == set()


@pytest.mark.parametrize("words", ["node list", "node list -o json", "node show node001 --explain"])
def test_nodes_are_shown_without_the_model_and_plugins(cluster: Any, words: str) -> None:
    loaded = modules_after(*words.split())
    assert not loaded & {"pydantic", "luna_core.model", "luna_core.plugins", "pluggy", "ClusterShell", "yaml"}


def test_a_group_s_help_names_plugins_verbs_without_the_model(state: Any) -> None:
    assert not modules_after("node", "--help") & {"pydantic", "luna_core.model", "ClusterShell", "yaml"}
