"""A line of code knows its room: who may call it, and what it may touch."""

import ast
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "luna_core"
PROJECTS = [*ROOT.glob("plugins/*/pyproject.toml"), *ROOT.glob("examples/*/pyproject.toml")]
PLUGINS = sorted(path.parent for path in PROJECTS)
# What distributions are called when they are imported, where that isn't their own name.
IMPORT_NAMES = {"pyyaml": {"yaml"}, "clustershell": {"ClusterShell"}, "pymongo": {"pymongo", "bson"}}
PUBLIC = {
    *("hookspecs", "types", "interfaces", "errors", "settings", "run", "drivers", "operations", "testing"),
    *("cli.output", "cli.context", "cli.complete"),
}
# DHCP and DNS drivers may not share code with each other, nor may distros, so core holds what they have in common; and
# the part of a transport that runs on a node is called by luna's client there.
PUBLIC_TO_KINDS = {
    **{"dhcp": {"services"}, "dns": {"services"}, "transport": {"node"}, "distro": {"distro"}},
    # A storm runs luna's client without machines.
    "lab": {"node"},
}
OF_PLUGINS = {"libtorrent", "pyghmi", "pysnmp", "sushy", "dnf", "apt", "hawkey", "rpm"}
OF_TEST_RUNS = {"pytest", "hypothesis"}
FACES = {"click", "bottle", "cheroot"}


def imports(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, wherever in it; `from a import b` counts as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def importers(names: set[str], files: Iterator[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in files if names & {one.partition(".")[0] for one in imports(path)}}


def declared() -> set[str]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n")
    names = [re.split(r"[^\w-]", line.strip())[0].lower() for line in lines if line.strip()]
    return {imported for name in names for imported in IMPORT_NAMES.get(name, {name})}


def undeclared(files: set[Path], further: set[str]) -> set[tuple[str, str]]:
    accepted = sys.stdlib_module_names | declared() | {"luna_core"} | further
    found = {(path.name, one.partition(".")[0]) for path in files for one in imports(path)}
    return {(file, name) for file, name in found if name not in accepted}


def test_core_imports_only_what_it_declares() -> None:
    kit = set((CORE / "testing").rglob("*.py"))
    assert undeclared(set(CORE.rglob("*.py")) - kit, set()) == set()
    assert undeclared(kit, OF_TEST_RUNS) == set()


def test_core_needs_no_library_of_a_plugin() -> None:
    assert declared() & OF_PLUGINS == set()
    assert importers(OF_PLUGINS, CORE.rglob("*.py")) == set()


def test_only_the_contract_s_own_modules_know_pluggy_and_stevedore() -> None:
    assert importers({"pluggy"}, CORE.rglob("*.py")) == {"luna_core/hookspecs.py", "luna_core/hooks.py"}
    assert importers({"stevedore"}, CORE.rglob("*.py")) == {"luna_core/drivers.py"}


@pytest.mark.parametrize("room", ["model", "store", "operations", "image", "boot", "services"])
def test_only_the_faces_know_the_command_line_and_http(room: str) -> None:
    faces = FACES if room != "boot" else {"click"}
    assert importers(faces, (CORE / room).rglob("*.py")) == set()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_luna_s_public_modules_and_no_other_plugin(plugin: Path) -> None:
    own = {path.name for path in (plugin / "src").iterdir() if path.is_dir()}
    public = PUBLIC | PUBLIC_TO_KINDS.get(plugin.name.partition("_")[0], set())
    found = {one for path in (plugin / "src").rglob("*.py") for one in imports(path)}
    assert {one for one in found if is_private(one, own, public)} == set()


def is_private(name: str, own: set[str], public: set[str]) -> bool:
    package, _, inside = name.partition(".")
    if package == "luna_core":
        return not any(inside == one or inside.startswith(f"{one}.") for one in public)
    return package.startswith("luna_") and package not in own


@pytest.mark.parametrize(
    ("name", "private"),
    [
        ("luna_core.types.Node", False),
        ("luna_core.cli.output.emit", False),
        ("luna_core.hooks.Hooks", True),
        ("luna_core.store.open_store", True),
        ("luna_other.thing", True),
        ("luna_mine.thing", False),
        ("json", False),
    ],
)
def test_the_rule_itself(name: str, private: bool) -> None:
    assert is_private(name, {"luna_mine"}, PUBLIC) is private
