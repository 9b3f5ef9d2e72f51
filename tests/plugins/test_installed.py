"""Plugins as their users install them: as wheels, beside a wheel of luna-core, in an environment with nothing else."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from luna_core.errors import CommandFailed
from luna_core.run import run
from luna_core.scaffold import DRIVER_KINDS, HOOK_KINDS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/luna-site-example"
KINDS = HOOK_KINDS + DRIVER_KINDS

# The fixture may have to fetch luna's dependencies.
pytestmark = pytest.mark.timeout(900)


class Environment:
    """A virtual environment of its own, filled by uv where there is one, else by pip."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "venv/bin"
        self.environment = {
            "PYTHONPATH": "",
            "UV_SYSTEM_CERTS": os.environ.get("UV_SYSTEM_CERTS", "1"),
            "LUNA_STATE_DIRECTORY": str(directory / "state"),
            "LUNA_PLUGIN_DIRECTORY": str(directory / "plugins"),
        }
        if index := os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL"):
            self.environment["UV_DEFAULT_INDEX"] = index
        self.uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        run([sys.executable, "-m", "venv", *(["--without-pip"] if self.uv else []), directory / "venv"])

    def call(self, program: str, *words: str | Path) -> str:
        return run([self.bin / program, *words], environment=self.environment, directory=self.bin)

    def pip(self, *words: str | Path) -> None:
        python = self.bin / "python"
        command = [self.uv, "pip", words[0], "--python", python] if self.uv else [python, "-m", "pip", words[0]]
        run([*command, *words[1:]], environment=self.environment)

    def build(self, project: Path, wheels: Path) -> Path:
        """Build a wheel from a copy: what a build leaves behind would be found by the next."""
        unwanted = shutil.ignore_patterns("build", "dist", "*.egg-info", "__pycache__")
        copy = shutil.copytree(project, wheels / "source", ignore=unwanted, dirs_exist_ok=True)
        builder = [self.uv, "build"] if self.uv else [sys.executable, "-m", "build"]
        run([*builder, "--wheel", "--out-dir", wheels, copy], environment=self.environment)
        shutil.rmtree(copy)
        return next(wheels.glob("*.whl"))

    def plugins(self) -> dict[str, dict[str, str]]:
        """What `luna plugin list` says, by distribution."""
        rows = json.loads(self.call("luna", "plugin", "list", "-o", "json"))
        return {row["distribution"]: row for row in rows}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    directory = tmp_path_factory.mktemp("environment")
    environment = Environment(directory)
    project = directory / "luna-core"
    project.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, project)
    shutil.copytree(ROOT / "luna_core", project / "luna_core")
    environment.pip("install", environment.build(project, directory / "wheels"), "pytest")
    return environment


def test_the_example_comes_works_and_goes(environment: Environment, tmp_path: Path) -> None:
    environment.pip("install", environment.build(EXAMPLE, tmp_path))
    row = environment.plugins()["luna-site-example"]
    assert (row["name"], row["kind"], row["version"], row["status"]) == ("site-example", "plugin", "0.1.0", "active")
    assert json.loads(environment.call("luna", "inventory", "-o", "json")) == []
    assert "inventory" in environment.call("luna", "--help")
    environment.call("luna", "plugin", "check", "site-example")

    environment.pip("uninstall", *([] if environment.uv else ["--yes"]), "luna-site-example")
    assert "luna-site-example" not in environment.plugins()
    with pytest.raises(CommandFailed, match="No such command 'inventory'"):
        environment.call("luna", "inventory")


def test_a_new_project_of_every_kind_installs_and_passes_its_own_tests(
    environment: Environment, tmp_path: Path
) -> None:
    projects = [tmp_path / kind for kind in KINDS]
    for kind, project in zip(KINDS, projects, strict=True):
        environment.call("luna", "plugin", "new", f"lamp-{kind}", "--kind", kind, "--directory", project)
    environment.pip("install", *projects)
    listed = environment.plugins()
    assert {listed[f"luna-{kind}-lamp-{kind}"]["status"] for kind in KINDS} == {"active"}
    for project in projects:
        assert "passed" in environment.call("python", "-m", "pytest", "-q", "--rootdir", project, project)
