"""Runs the programs that disks are looked at and changed with."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

TIMEOUT_S: Final = 1800.0
UDEV: Final = Path("/run/udev/control")
# LVM is to see the disks of the layout only; lvm.conf(5).
LVM_DIRECTORY: Final = Path("/run/luna/lvm")
# What Debian and the RHEL family call the packages of programs that a minimal image may lack.
PACKAGES: Final = {
    "sfdisk": "fdisk (Debian), util-linux (RHEL)",
    "mdadm": "mdadm",
    "lvm": "lvm2",
    "dmsetup": "dmsetup (Debian), device-mapper (RHEL)",
    "cryptsetup": "cryptsetup",
    "systemd-cryptenroll": "systemd from 252 on, systemd-cryptsetup from Debian 13 on, and tpm2-tss with tpm2-tools",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.vfat": "dosfstools",
}


class DiskError(Exception):
    """A program failed or is missing; the text is a sentence."""


def run(command: Sequence[str], stdin: str = "", *, accepted: Sequence[int] = (0,)) -> str:
    """Run a program and return its standard output. Raises DiskError with what it said."""
    # No pipe: systemd-cryptenroll(1) seeks in what it reads a key from.
    with open(os.memfd_create("stdin"), "w+") as given:
        given.write(stdin)
        given.seek(0)
        return _run(command, given, accepted)


def _run(command: Sequence[str], stdin: IO[str], accepted: Sequence[int]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell reads it
            command,
            stdin=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C", "LVM_SYSTEM_DIR": str(LVM_DIRECTORY)},
        )
    except FileNotFoundError as error:
        raise DiskError(missing([command[0]])) from error
    except subprocess.TimeoutExpired as error:
        raise DiskError(f"{' '.join(command)} did not end within {TIMEOUT_S:g} s.") from error
    if done.returncode not in accepted:
        said = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        raise DiskError(f"{' '.join(command)} ended with exit status {done.returncode}: {said}")
    return done.stdout


def has(program: str) -> bool:
    """Whether a program is here."""
    return shutil.which(program) is not None


def missing(programs: Sequence[str]) -> str:
    """The sentence for programs that the image lacks."""
    named = ", ".join(f"{one} (package {PACKAGES[one]})" if one in PACKAGES else one for one in programs)
    return f"The image lacks {named}: add what is missing to its tree, and pack it."


def settle() -> None:
    """Wait until udev, where it runs, has seen what changed."""
    if UDEV.exists() and has("udevadm"):
        run(["udevadm", "settle", "--timeout=60"], accepted=(0, 1))


def facts(command: Sequence[str], *, accepted: Sequence[int] = (0,)) -> Mapping[str, str]:
    """KEY=VALUE lines, as blkid and mdadm export them."""
    lines = (line.partition("=") for line in run(command, accepted=accepted).splitlines())
    return {key: value for key, equals, value in lines if equals}
