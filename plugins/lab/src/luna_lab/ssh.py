"""How a lab's nodes are logged in to: with a key of the lab's own, and without asking who they are."""

from pathlib import Path

from luna_core.run import run

KEY = "ssh_key"


def make_key(directory: Path) -> None:
    """Make the lab's key pair (ssh-keygen(1))."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "luna lab", "-f", directory / KEY])


def command(directory: Path, address: str) -> list[str | Path]:
    """The ssh(1) command line that logs in to `address` as root, as it is to be run in the lab's network."""
    # Every boot makes new host keys, and an emulated machine takes its time.
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "60",
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-i", directory / KEY, *words, f"root@{address}"]
