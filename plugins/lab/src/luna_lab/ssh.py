"""How a lab's nodes are logged in to: with a key of the lab's own, and without asking who they are."""

import fcntl
import shutil
from pathlib import Path

from luna_core.run import run
from luna_lab.tree import CACHE

KEY = "ssh_key"


def key(cache: Path = CACHE) -> Path:
    """The private key that the nodes of all labs accept, for labs share their image; its public half is beside it."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / KEY
    with (cache / f"{KEY}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.with_suffix(".pub").exists():
            # The public half is written last; asked to replace a key, ssh-keygen would wait for an answer.
            path.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "luna lab", "-f", path])
    return path


def copy_key(directory: Path) -> None:
    """Put the key pair into a lab's directory."""
    for path in (key(), key().with_suffix(".pub")):
        shutil.copy2(path, directory)


def command(directory: Path, address: str, *, attempts: int = 1) -> list[str | Path]:
    """The ssh(1) command line that logs in to `address` as root, as it is to be run in the lab's network.

    It tries to connect so many times, once a second.
    """
    # Every boot makes new host keys, and an emulated machine takes its time.
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "60",
        "ConnectionAttempts": str(attempts),
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-i", directory / KEY, *words, f"root@{address}"]
