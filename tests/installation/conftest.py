"""A controller that was installed as the guide says, on a machine of its own with systemd as process 1."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of what controller.sh wrote: `whole` with one service for everything, `each` with one for each."""
    results = tmp_path_factory.mktemp("controller")
    script = (HERE / "controller.sh").relative_to(ROOT)
    command = [HERE / "container.sh", "--outside", ROOT, results, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    log = results / "log"
    said = f"{done.stdout}{done.stderr}\n{log.read_text() if log.exists() else 'systemd did not start'}"
    assert (results / "end").exists(), f"this needs root, namespaces and the package index:\n{said}"
    return results
