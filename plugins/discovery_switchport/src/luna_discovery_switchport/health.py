"""Whether the switches answer, for `luna doctor`."""

import time

from luna_core.settings import machine_settings
from luna_core.types import CheckResult, Cluster
from luna_discovery_switchport.plugin import INTERVAL
from luna_discovery_switchport.snapshot import Folder


def check_switches(cluster: Cluster) -> CheckResult:
    """Failed if a switch that was asked doesn't answer, a warning if nobody has asked for long."""
    folder = Folder(machine_settings().services_directory)
    snapshots = [found for name, _ in folder.names() if (found := folder.read(name))]
    silent = sorted(one.switch for one in snapshots if one.error)
    if silent:
        return CheckResult(
            status="failed",
            message=f"{len(silent)} of {len(snapshots)} switches can't be asked: {', '.join(silent)}.",
            remedy=f"'luna switch test {silent[0]}' says why.",
        )
    interval_s = float(str(cluster.settings.get(INTERVAL.name, INTERVAL.default)))
    if snapshots and time.time() - min(one.polled_at for one in snapshots) > 5 * interval_s:
        return CheckResult(status="warning", message="No switch was asked for long.", remedy="Is luna serve running?")
    return CheckResult(status="ok", message=f"{len(snapshots)} switches answer.")
