"""What a lab of arm64 machines has of its own: their tree, and the iPXE that their firmware loads.

On other controllers all of it is emulated. Building the tree takes long, and is done once.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from luna_core.run import run, run_contained
from luna_lab.tree import CACHE, debian_tree, made_once, mmdebstrap

PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "kmod", "linux-image-cloud-arm64"),
    *("dracut", "curl", "ca-certificates", "zstd", "busybox-static", "python3"),
)
_CONSOLE = "console=ttyAMA0"
# The first release whose iPXE has a file for arm64.
_IPXE_SUITE, _IPXE = "trixie", "usr/lib/ipxe/ipxe-arm64.efi"
_PYTHON, _PLATFORM = "3.11", "manylinux2014_aarch64"


def arm64_tree(cache: Path = CACHE) -> Path:
    """The directory of a minimal Debian for arm64, with the libtorrent that its nodes need.

    Needs root, and the packages qemu-user-static, binfmt-support and arch-test where the controller isn't arm64.
    """
    tree = debian_tree(packages=PACKAGES, architecture="arm64", cache=cache)
    place = tree / f"usr/local/lib/python{_PYTHON}/dist-packages"
    if not (place / "libtorrent").exists():
        for_it = ("--platform", _PLATFORM, "--python-version", _PYTHON, "--only-binary=:all:", "--no-deps")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--target", place, *for_it)
        run([*pip, f"libtorrent=={version('libtorrent')}"])
    return tree


def ipxe(cache: Path = CACHE) -> Path:
    """The iPXE for arm64 of Debian 13."""
    with made_once(cache, "ipxe-arm64") as (directory, partial):
        if partial:
            run_contained(mmdebstrap(_IPXE_SUITE, ["ipxe"], partial, "--variant=extract"))
    return directory / _IPXE


def kernel_arguments(arguments: str) -> str:
    """A group's kernel arguments with the serial console of these machines."""
    return " ".join([_CONSOLE, *(word for word in arguments.split() if not word.startswith("console="))])
