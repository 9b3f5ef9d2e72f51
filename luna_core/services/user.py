"""The unprivileged user of the boot server and of the plugins' services: whoever owns the directory of luna's key.

That directory holds the store too. No setting names the user, so none can name one that can't read the key.
"""

import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.run import run
from luna_core.settings import MachineSettings

AS_ROOT = "lweb and the plugins' services run as root"
"""What begins the sentence that says so, which isn't a fault."""

_PROBE = "import luna_core.web.server"


def service_user(settings: MachineSettings) -> str | None:
    """The name of the user; None where that is root, or nobody yet."""
    try:
        owner = settings.key_file.parent.stat().st_uid
        return pwd.getpwuid(owner).pw_name if owner else None
    except (OSError, KeyError):
        return None


def chosen_user(settings: MachineSettings) -> tuple[str | None, str]:
    """Whom this process is to run unprivileged services as, None for its own user, and why it can't be another one."""
    if os.geteuid() != 0:
        return None, ""
    user = service_user(settings)
    if user is None:
        return (
            None,
            f"{AS_ROOT}, to whom {settings.key_file.parent} belongs; 'luna services install' gives them a user.",
        )
    try:
        run(as_user(user, sys.executable, "-c", _PROBE), environment=identity(user), directory=Path("/"))
    except LunaError as error:
        last = str(error).splitlines()[-1]
        return None, f"{AS_ROOT}: user {user} can't run luna from where it is installed ({last})."
    return user, ""


def as_user(user: str, *command: str) -> list[str]:
    """The command line that runs a command as a user and in the user's groups (setpriv(1)). Needs root."""
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", *command]


def identity(user: str) -> Mapping[str, str]:
    """The environment variables that say who a process is (environ(7)). Raises KeyError for no user of the system."""
    return {"HOME": pwd.getpwnam(user).pw_dir, "USER": user, "LOGNAME": user}
