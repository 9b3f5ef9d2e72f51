"""What the controller offers is damaged on its own disk."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from luna_core.image.versions import load_version
from luna_core.testing.delivery import Delivery, wait_until

Deliver = Callable[..., Delivery]


def test_a_shard_that_is_damaged_on_the_controller_is_asked_for_a_few_times_and_told(
    deliver: Deliver, tree: Path
) -> None:
    delivery = deliver(1)
    version = delivery.pack(tree)
    victim = load_version(version.directory).tree[1].name
    (version.directory / victim).write_bytes(bytes((version.directory / victim).stat().st_size))
    client = delivery.fetch(1, version)
    wait_until(lambda: "torrent failed: Nothing came" in delivery.console(1), "the swarm to be given up")
    wait_until(lambda: f"http failed: Shard {victim} has SHA-256" in delivery.console(1), "the shard's name")
    assert delivery.switch.sent_bytes(0) < 3 * version.size_bytes
    log = (delivery.directory / "seeder.log").read_text()
    assert f"{version.manifest_sha256}/{victim} is damaged on disk" in log
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
