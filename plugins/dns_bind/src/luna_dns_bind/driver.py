"""Runs named on the zones that `zones` makes (named(8), named.conf(5))."""

import pwd
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from luna_core.interfaces import NetworkService
from luna_core.run import run
from luna_core.services.state import make_state_directory
from luna_core.types import NetworkPlan, Service
from luna_dns_bind.configuration import CONFIGURATION, configuration
from luna_dns_bind.zones import zones

# What Debian and Red Hat call the user that named gives root up for.
_USERS = ("bind", "named")


class BindDns(NetworkService):
    """named reads everything again on SIGHUP."""

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        """named.conf and a file for each zone."""
        made = list(zones(plan))
        files = {zone.file: zone.text() for zone in made}
        return {CONFIGURATION: configuration(plan, made, directory), **files}

    def check(self, directory: Path) -> None:
        """named-checkconf reads named.conf and loads every zone as named would."""
        make_state_directory(directory)
        run(["named-checkconf", "-z", directory / CONFIGURATION])

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """One process, which binds its port as root and then becomes the distribution's user for it."""
        user = next((user for user in _USERS if _exists(user)), None)
        make_state_directory(directory, owner=user)
        drop = ("-u", user) if user else ()
        command = ("named", "-g", *drop, "-c", str(directory / CONFIGURATION))
        return [Service(name="dns", command=command, reload_signal=signal.SIGHUP)]


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
