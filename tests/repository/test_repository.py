"""The repository keeps the promises that its README and CONTRIBUTING make."""

import configparser
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import luna_core

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path for path in ROOT.glob("plugins/*") if path.is_dir() and not path.name.startswith((".", "_")))
# Ansible says where its collections are.
OTHER_PACKAGES = {"ansible": "ansible_collections/luna/cluster/galaxy.yml"}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code_of(page: str) -> str:
    """The page's code blocks and inline code, without its prose."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", (ROOT / page).read_text(), re.DOTALL))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_of_a_page_exists(page: str) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)", code_of(page).replace("install make git", "")))
    assert {"install", "test"} & named
    assert named <= make_targets()


def test_ci_runs_what_the_readme_says() -> None:
    named = re.findall(r"^make ([a-z]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    for target in ("install", "test"):
        assert f"\nmake {target}\n" in code_of("README.md")
        assert re.search(rf"^make {target}\b", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert set(named) <= make_targets()


def test_the_version_is_written_in_one_place() -> None:
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    assert metadata["metadata"]["version"] == "attr: luna_core.__version__"
    assert "project" not in tomllib.loads((ROOT / "pyproject.toml").read_text())
    repeated = [
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("luna_core/**/*.py")
        if path != ROOT / "luna_core/__init__.py" and f'"{luna_core.__version__}"' in path.read_text()
    ]
    assert repeated == []


def test_the_installed_version_is_the_one_of_the_tree() -> None:
    assert importlib.metadata.version("luna-core") == luna_core.__version__


def core_entry_points() -> list[importlib.metadata.EntryPoint]:
    return sorted(importlib.metadata.distribution("luna-core").entry_points, key=str)


@pytest.mark.parametrize("entry_point", core_entry_points(), ids=lambda entry: f"{entry.group}:{entry.name}")
def test_every_entry_point_of_the_core_can_be_loaded(entry_point: importlib.metadata.EntryPoint) -> None:
    assert entry_point.load() is not None


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_has_the_layout_that_contributing_describes(plugin: Path) -> None:
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"luna-{plugin.name.replace('_', '-')}"
    assert (plugin / "README.md").read_text().strip()
    assert (plugin / "src" / OTHER_PACKAGES.get(plugin.name, f"luna_{plugin.name}/__init__.py")).exists()
    assert list(plugin.glob("tests/**/test_*.py"))


def test_every_plugin_is_installed_for_development() -> None:
    command = [sys.executable, "packaging/editable_requirements.py"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    folders = {line.removeprefix("-e ./").partition("[")[0] for line in lines if line != "-e .[test]"}
    assert {f"plugins/{plugin.name}" for plugin in PLUGINS} <= folders
    assert all((ROOT / folder / "pyproject.toml").exists() for folder in folders)


def package_lines() -> list[str]:
    lines = (ROOT / "packaging/apt-packages.txt").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("line", package_lines(), ids=lambda line: line.split()[0])
def test_every_debian_package_has_a_name_and_a_reason(line: str) -> None:
    names, _, reason = line.partition("#")
    assert len(reason.split()) >= 3
    for name in names.split("|"):
        assert re.fullmatch(r"[a-z0-9][a-z0-9.+-]+|-", name.strip())


def test_no_debian_package_is_listed_twice() -> None:
    names = [name.strip() for line in package_lines() for name in line.partition("#")[0].split("|")]
    assert len(names) - names.count("-") == len(set(names) - {"-"})
