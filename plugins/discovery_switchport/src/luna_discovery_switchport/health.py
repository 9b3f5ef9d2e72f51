"""Whether the switches answer, for `luna doctor`."""

import time

from luna_core.operations import connect
from luna_core.operations.switches import switches
from luna_core.settings import machine_settings
from luna_core.types import CheckResult, Cluster, Switch
from luna_discovery_switchport.plugin import INTERVAL
from luna_discovery_switchport.snapshot import Folder


def check_switches(cluster: Cluster) -> CheckResult:
    """Failed if a switch that was asked doesn't answer, a warning if some aren't asked, or none for long."""
    with connect() as luna:
        known = luna.read(switches)
    mute = sorted(one.name for one in known if not _can_be_asked(one))
    folder = Folder(machine_settings().services_directory)
    snapshots = [found for name, _ in folder.names() if (found := folder.read(name))]
    silent = sorted(one.switch for one in snapshots if one.error and one.switch not in mute)
    if silent:
        return CheckResult(
            status="failed",
            message=f"{len(silent)} of {len(snapshots)} switches can't be asked: {', '.join(silent)}.",
            remedy=f"'luna switch test {silent[0]}' says why.",
        )
    if mute:
        return CheckResult(
            status="warning",
            message=f"{len(mute)} of {len(known)} switches are not asked, for lack of a community or user: "
            f"{', '.join(mute)}.",
            remedy=f"'luna switch change {mute[0]} --community @-' gives it one.",
        )
    if unasked := sorted({one.name for one in known} - {one.switch for one in snapshots}):
        return CheckResult(
            status="warning",
            message=f"{len(unasked)} of {len(known)} switches were never asked: {', '.join(unasked)}.",
            remedy="Is luna serve running?",
        )
    interval_s = float(str(cluster.settings.get(INTERVAL.name, INTERVAL.default)))
    if any(abs(time.time() - one.polled_at) > 5 * interval_s for one in snapshots):
        return CheckResult(status="warning", message="No switch was asked for long.", remedy="Is luna serve running?")
    return CheckResult(status="ok", message=f"{len(snapshots)} switches answer.")


def _can_be_asked(switch: Switch) -> bool:
    return bool(switch.user if switch.snmp_version == "3" else switch.community)
