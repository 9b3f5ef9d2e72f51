"""A small Debian tree for a lab's nodes, made once and kept."""

import fcntl
import hashlib
from collections.abc import Sequence
from pathlib import Path

from luna_core.run import run

CACHE = Path("/var/cache/luna-lab")
PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "kmod", "linux-image-cloud-amd64"),
    *("dracut", "curl", "ca-certificates", "zstd", "busybox-static"),
    # For nodes with disks.
    *("fdisk", "grub2-common", "grub-pc-bin"),
)
# For nodes that see their BMCs: Debian's kernel for virtual machines has no IPMI, its other kernel is twice the size.
IN_BAND_PACKAGES = (*(name.replace("-cloud", "") for name in PACKAGES), "ipmitool")


def debian_tree(suite: str = "bookworm", packages: Sequence[str] = PACKAGES, cache: Path = CACHE) -> Path:
    """The directory of a minimal Debian with these packages, a kernel for virtual machines and dracut among them.

    The first call takes some minutes, and asks the package mirror that this machine's apt uses. Needs root.
    """
    cache.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    tree = cache / f"{suite}-{key}"
    with (cache / f"{suite}-{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.exists():
            partial = cache / f"{suite}-{key}.partial"
            run(["rm", "-rf", "--one-file-system", partial])
            run(_mmdebstrap(suite, packages, partial))
            partial.rename(tree)
    return tree


def _mmdebstrap(suite: str, packages: Sequence[str], target: Path) -> list[str | Path]:
    settings = run(["apt-config", "dump"]).splitlines()
    transport = [line for line in settings if line.startswith(("Acquire::http", "Acquire::Check-"))]
    mirror = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"])
    return [
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"),
        *(f"--aptopt={line}" for line in [*transport, 'Acquire::Languages "none"', 'APT::Install-Recommends "false"']),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
        f"--include={','.join(packages)}",
        suite,
        target,
        *mirror.split()[:1],
    ]
