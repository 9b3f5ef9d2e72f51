"""Where lweb computes: all its threads on one processor (docs/decisions/0029)."""

import os
import subprocess
import sys
from pathlib import Path

from luna_core.testing.delivery import wait_until
from luna_core.web.server import THREADS


def test_every_thread_of_the_boot_server_stays_on_the_last_processor(tmp_path: Path) -> None:
    """Without a network of its own there is a port for it; nobody needs to reach it."""
    command = ["unshare", "--net", str(Path(sys.executable).with_name("lweb"))]
    environment = {**os.environ, "LUNA_STATE_DIRECTORY": str(tmp_path), "LUNA_NO_PLUGINS": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as lweb:
        threads = Path(f"/proc/{lweb.pid}/task")
        try:
            wait_until(lambda: lweb.poll() is not None or len(list(threads.iterdir())) > THREADS, "lweb's threads")
            assert lweb.poll() is None, lweb.stderr and lweb.stderr.read()
            found = {thread.name: os.sched_getaffinity(int(thread.name)) for thread in threads.iterdir()}
        finally:
            lweb.kill()
    assert set(map(frozenset, found.values())) == {frozenset({max(os.sched_getaffinity(0))})}
