"""What a process that serves public files needs of the system: many open files, and no rights."""

import os
import pwd
from contextlib import suppress
from pathlib import Path

from luna_core.run import allow_most_files

NOBODY = "nobody"
_MTU_PROBING = Path("/proc/sys/net/ipv4/tcp_mtu_probing")


def survive_small_frames() -> None:
    """Let the kernel send smaller segments where large ones vanish on the way (RFC 4821, tcp_mtu_probing in tcp(7)).

    Else a switch or tunnel with a smaller MTU than both ends lets requests through and no file. Holds for the whole
    machine, so that what an administrator chose stays, and what is not allowed is let be.
    """
    with suppress(OSError):
        if _MTU_PROBING.read_text().strip() == "0":
            _MTU_PROBING.write_text("1")


def drop_root() -> None:
    """Become nobody if this is root, for public files can be read without rights; open as many files as may be."""
    allow_most_files()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(NOBODY)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
