"""The unprivileged user of the boot server and of the plugins' services: whoever owns the directory of luna's key.

That directory holds the store too. No setting names the user, so none can name one that can't read the key.
"""

import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.run import run
from luna_core.settings import MachineSettings

AS_ROOT = "lweb and the plugins' services run as root"
"""What begins the sentence that says so, which isn't a fault."""

_PROBE = "import luna_core.web.server"
_PROBE_OF_STORE = "from luna_core.operations import connect; connect().store.close()"


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
            f"{AS_ROOT}, who owns {settings.key_file.parent}; 'luna services install' makes a user.",
        )
    try:
        run(as_user(user, sys.executable, "-c", _PROBE), environment=identity(user), directory=Path("/"))
    except LunaError as error:
        last = str(error).splitlines()[-1]
        return None, f"{AS_ROOT}: user {user} can't run luna from where it is installed ({last})."
    return user, ""


def complaints(settings: MachineSettings, trees: Mapping[str, Path]) -> Iterator[str]:
    """What the boot server could not use as its user: the store, or trees of osimages, by name. Only root can ask."""
    user = service_user(settings)
    if os.geteuid() != 0 or user is None or chosen_user(settings)[0] is None:
        return
    try:
        run(as_user(user, sys.executable, "-c", _PROBE_OF_STORE), environment=identity(user), directory=Path("/"))
    except LunaError as error:
        yield f"User {user} can't use the store: {str(error).splitlines()[-1]}"
    for image, tree in trees.items():
        try:
            run(as_user(user, "test", "-x", f"{tree}/etc"))
        except LunaError:
            if (tree / "etc").exists():
                yield f"osimage {image}: user {user}, whom the boot server runs as, can't enter {tree}/etc."


def as_user(user: str, *command: str) -> list[str]:
    """The command line that runs a command as a user and in the user's groups (setpriv(1)). Needs root."""
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups", *command]


def identity(user: str) -> Mapping[str, str]:
    """The environment variables that say who a process is (environ(7)). Raises KeyError for no user of the system."""
    return {"HOME": pwd.getpwnam(user).pw_dir, "USER": user, "LOGNAME": user}
