"""A cluster whose BMCs are fakes, and drivers that hang, crash or count."""

import shlex
import shutil
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from luna_core.interfaces import PowerDriver
from luna_core.power.calls import Function, state
from luna_core.power.workers import Job
from luna_core.testing.command_line import Outcome, run_luna
from luna_core.testing.fakes.bmc import FakePowerDriver
from luna_core.types import BmcTarget

Luna = Callable[..., Outcome]
PASSWORD = "s3cret-of-the-bmc"
CLUSTER = (
    "cluster init --frontend-address 10.141.255.254",
    "settings set power.timeout_s 2",
    "network add cluster --network 10.141.0.0/16",
    "network add ipmi --network 10.148.0.0/16",
    "bmcsetup add default --driver fake --user admin --password @-",
    "bmcsetup add dead --driver fake --options fault=dead --password @-",
    "bmcsetup add refusing --driver fake --options fault=refuse --password @-",
    "bmcsetup add exotic --driver exotic --password @-",
    "bmcsetup add silent",
    "group add compute --bmcsetup default --tags rack1",
    "group interface add compute BOOTIF --network cluster",
    "group interface add compute BMC --network ipmi",
    "group add bare --bmcsetup default",
    "node add node[001-012] --group compute",
)
STUBBORN = """
import os, time
from luna_core.testing.fakes.bmc import FakePowerDriver

class Stubborn(FakePowerDriver):
    parallel = {parallel!r}

    def state(self, bmc):
        match bmc.options.get("fault"):
            case "hang":
                time.sleep(3600)
            case "crash":
                os._exit(3)
            case "password":
                raise RuntimeError("logged in with " + bmc.password + bmc.options.get("token", ""))
            case "who":
                return f"{{os.getpid()}}"
        return super().state(bmc)
"""


@pytest.fixture(autouse=True)
def machines() -> Iterator[dict[str, Any]]:
    """The fake machines, all off."""
    FakePowerDriver.machines.clear()
    yield FakePowerDriver.machines
    FakePowerDriver.machines.clear()


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type[PowerDriver]]:
    """A driver of its own module, which the processes that luna starts can import too."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(parallel: str) -> type[PowerDriver]:
        name = f"stubborn_in_{parallel}_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{name}.py").write_text(STUBBORN.format(parallel=parallel))
        driver: type[PowerDriver] = __import__(name).Stubborn
        return driver

    return make


@pytest.fixture
def job() -> Callable[..., Job]:
    """A job for the BMC of node N; the options make the driver fail."""

    def make(number: int, *, function: Function = state, deadline_s: float = 60, **options: str) -> Job:
        inrush = bool(options.pop("inrush", ""))
        bmc = BmcTarget(
            node=f"node{number:03d}",
            address=ip_address("10.148.0.0") + number,
            username="admin",
            password=PASSWORD,
            timeout_s=0.3,
            options=options,
        )
        return Job(bmc=bmc, function=function, deadline_s=deadline_s, inrush=inrush)

    return make


def own_state(patch: pytest.MonkeyPatch, directory: Path) -> None:
    patch.setenv("LUNA_STATE_DIRECTORY", str(directory))
    patch.setenv("LUNA_NO_PLUGINS", "1")
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE"):
        patch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the cluster that each test begins with."""
    directory = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        own_state(patch, directory)
        for line in CLUSTER:
            done = run_luna(shlex.split(line), PASSWORD)
            assert done.status == 0, f"{line}: {done.err}"
    return directory


@pytest.fixture
def cluster(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Luna:
    """Runs a command line in this process, on a cluster of its own and without plugins.

    It has nodes node001 to node012 of group compute with fake BMCs, and set-ups for BMCs that fail.
    """
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    own_state(monkeypatch, tmp_path)
    return lambda line, input="": run_luna(shlex.split(line), input)
