"""Tells at which switch port a machine is, from what the poller learned over SNMP."""

import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core.hookspecs import hookimpl
from luna_core.settings import machine_settings
from luna_core.types import Check, Cluster, Command, Service, Setting, Sighting

if TYPE_CHECKING:
    from luna_discovery_switchport.known import Known

INTERVAL = Setting(
    name="switchport.interval_s",
    default=60.0,
    least=1,
    most=86_400,
    help="Seconds between two polls of each switch.",
)
MOST_MACS = Setting(
    name="switchport.most_macs", default=8, least=1, help="A port with more MACs is an uplink, and names no machine."
)


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """How often to poll, and what makes an uplink."""
    return [INTERVAL, MOST_MACS]


@hookimpl
def luna_commands() -> Iterable[Command]:
    """Verbs of `luna switch`."""
    module = "luna_discovery_switchport.commands"
    return [
        Command(name="switch macs", load=f"{module}:macs", help="Show which MACs the switches learned, and whose."),
        Command(name="switch ports", load=f"{module}:ports", help="Show the ports of a switch and who belongs there."),
        Command(name="switch test", load=f"{module}:test", help="Ask a switch now, and say in words what it answers."),
    ]


@hookimpl
def luna_services(cluster: Cluster) -> Iterable[Service]:
    """The poller. It reads communities and passwords from the store itself."""
    interval = str(cluster.settings.get(INTERVAL.name, INTERVAL.default))
    command = (sys.executable, "-m", "luna_discovery_switchport.poller", "--interval-s", interval)
    return [Service(name="switch-poller", command=command)]


@hookimpl
def luna_checks() -> Iterable[Check]:
    """Whether the switches answer."""
    from luna_discovery_switchport.health import check_switches

    return [Check(name="switches", run=check_switches)]


@hookimpl
def luna_discover(macs: Sequence[str]) -> Iterable[Sighting]:
    """Where the switches saw these MACs. No switch is asked here, but the poller is told that somebody waits."""
    return _known(machine_settings().services_directory).sightings(macs)


@cache
def _known(directory: Path) -> "Known":
    from luna_discovery_switchport.known import Known

    return Known(directory)
