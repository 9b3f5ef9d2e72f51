"""What a process that serves public files needs of the system: many open files, and no rights."""

import os
import pwd
import resource

NOBODY = "nobody"


def drop_root() -> None:
    """Become nobody if this is root, for public files can be read without rights; open as many files as may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(NOBODY)
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
