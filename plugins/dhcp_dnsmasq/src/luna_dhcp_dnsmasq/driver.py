"""Runs dnsmasq, its DNS switched off, on the files that `rendering` makes (dnsmasq(8))."""

import hashlib
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from luna_core.interfaces import NetworkService
from luna_core.run import run
from luna_core.services.scopes import scopes
from luna_core.services.state import make_state_directory
from luna_core.types import NetworkPlan, Service
from luna_dhcp_dnsmasq.rendering import CONFIGURATION, HOSTS, configuration, reservations


class DnsmasqDhcp(NetworkService):
    """Both address families, TFTP and router advertisements in one process."""

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        """The configuration, and the reservations in a file of their own."""
        return {CONFIGURATION: configuration(plan, directory), HOSTS: reservations(plan)}

    def check(self, directory: Path) -> None:
        """`dnsmasq --test` reads both files."""
        run(["dnsmasq", "--test", f"--conf-file={directory / CONFIGURATION}"])

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """One process, or none without a subnet to serve."""
        if not scopes(plan, 4) and not scopes(plan, 6):
            return []
        make_state_directory(directory)
        # SIGHUP makes dnsmasq read the reservations again but not the configuration: a new one is a new service.
        digest = hashlib.sha256(configuration(plan, directory).encode()).hexdigest()
        service = Service(
            name="dhcp",
            command=("dnsmasq", "--keep-in-foreground", f"--conf-file={directory / CONFIGURATION}"),
            environment={"LUNA_CONFIGURATION_SHA256": digest},
            reload_signal=signal.SIGHUP,
        )
        return [service]
