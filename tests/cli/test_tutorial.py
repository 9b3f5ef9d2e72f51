"""The tutorial works when it is typed as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(300)
def test_the_commands_of_the_tutorial_work_as_written(state: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorial/first-cluster.md").read_text()
    commands = re.findall(r"^    (.+)$", page, re.MULTILINE)
    assert len(commands) > 15
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = "set -e -o pipefail\n" + "\n".join(commands)
    done: Any = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    # What the page says of the dry run, and nothing else.
    assert re.fullmatch(r"luna: cluster cluster: frontend_addresses: 10.141.255.254 was in network .*\n", done.stderr)
    assert "kernel_arguments" in done.stdout
    assert "ticket 4711" in done.stdout
    assert "10.141.0.1 → 10.142.0.1" in done.stdout
    assert "Nothing would change." in done.stdout
