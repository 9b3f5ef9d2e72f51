"""Makes a machine a controller that systemd starts: units, user, directories, and the settings that fit them."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from luna_core.errors import BadInput, LunaError
from luna_core.run import run
from luna_core.services import units
from luna_core.services.user import chosen_user
from luna_core.settings import DEFAULT_CONFIG, MachineSettings

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_SYSTEMD = Path("/etc/systemd/system")
_SYSUSERS = Path("/etc/sysusers.d/luna.conf")
_TMPFILES = Path("/etc/tmpfiles.d/luna.conf")
_SQLITE = "sqlite://"


def planned(settings: MachineSettings, *, user: str, parts: Sequence[str] | None) -> Mapping[Path, str]:
    """The files by their paths: one unit for everything, or one for each of `parts`; luna.toml only if there is none.

    Raises BadInput for a user or a path that can't be, and for settings by which the user would own what is root's.
    """
    if not _USER.fullmatch(user):
        raise BadInput(f"--user: {user!r} was given; accepted is a name as in luna.")
    configuration = Path(os.environ.get("LUNA_CONFIG", DEFAULT_CONFIG))
    settled = _with_private_store(settings, configuration)
    files = {configuration: _toml(settled)} if settled is not settings else {}
    private = _private(settled, configuration)
    state = settled.state_directory
    elsewhere = None if configuration == DEFAULT_CONFIG else configuration
    unit = units.service(Path(sys.executable).with_name("luna"), state, elsewhere, each=parts is not None)
    files |= {
        _SYSUSERS: units.user(user, state),
        _TMPFILES: units.directories(user, state, private, configuration),
        _SYSTEMD / ("luna.service" if parts is None else "luna@.service"): unit,
    }
    return files if parts is None else {**files, _SYSTEMD / "luna.target": units.target(parts)}


def install(files: Mapping[Path, str]) -> None:
    """Write the files, and let systemd make user and directories (systemd-sysusers(8), systemd-tmpfiles(8)).

    Raises LunaError for who isn't root, CommandFailed.
    """
    if os.geteuid() != 0:
        raise LunaError("Only root can install services; --dry-run shows them.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        # luna.toml, which may hold a password, gets its mode with its group below.
        if path.suffix != ".toml":
            path.chmod(0o644)
    run(["systemd-sysusers", _SYSUSERS])
    run(["systemd-tmpfiles", "--create", _TMPFILES])
    if Path("/run/systemd/system").exists():
        run(["systemctl", "daemon-reload"])


def doubt(settings: MachineSettings) -> str:
    """Why services would run as root in spite of it all, in a sentence; empty if they won't."""
    return chosen_user(settings)[1]


def _with_private_store(settings: MachineSettings, configuration: Path) -> MachineSettings:
    """A new controller's settings, or those that there are."""
    state = settings.state_directory
    if configuration.exists() or settings.key_file.parent != state or any(state.glob("luna.*")):
        return settings
    return _moved(settings)


def _toml(settings: MachineSettings) -> str:
    values = {"state_directory": settings.state_directory, "store": settings.store, "key_file": settings.key_file}
    return "".join(f'{name} = "{value}"\n' for name, value in values.items())


def _private(settings: MachineSettings, configuration: Path) -> list[Path]:
    places = [settings.key_file.parent]
    if settings.store.startswith(_SQLITE):
        places.append(Path(settings.store.removeprefix(_SQLITE)).parent)
    kept = (settings.state_directory, settings.plugin_directory, configuration.parent)
    for place in places:
        if any(one.is_relative_to(place) for one in kept):
            raise BadInput(
                f"{configuration}: the store or its key are in {place}, which root must own; accepted is a directory "
                f"of their own. Stop luna, move luna.db* and luna.key to {settings.state_directory / 'store'}, and "
                f"write in {configuration}:\n{_toml(_moved(settings))}".rstrip()
            )
    return list(dict.fromkeys(places))


def _moved(settings: MachineSettings) -> MachineSettings:
    home = settings.state_directory / "store"
    is_file = settings.store.startswith(_SQLITE)
    return replace(
        settings, store=f"{_SQLITE}{home}/luna.db" if is_file else settings.store, key_file=home / "luna.key"
    )
