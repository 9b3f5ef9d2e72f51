"""Runs dnsmasq, its DHCP switched off, on the files that `rendering` makes (dnsmasq(8))."""

import hashlib
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from luna_core.interfaces import NetworkService
from luna_core.run import run
from luna_core.services.hosts import hosts_file
from luna_core.types import NetworkPlan, Service
from luna_dns_dnsmasq.rendering import CONFIGURATION, HOSTS, configuration


class DnsmasqDns(NetworkService):
    """Names from a hosts file, and a forwarder for all others."""

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        """The configuration, and the hosts in a file of their own."""
        return {CONFIGURATION: configuration(plan, directory), HOSTS: hosts_file(plan)}

    def check(self, directory: Path) -> None:
        """`dnsmasq --test` reads the configuration."""
        run(["dnsmasq", "--test", f"--conf-file={directory / CONFIGURATION}"])

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """One process."""
        # SIGHUP makes dnsmasq read the hosts again but not the configuration: a new one is a new service.
        digest = hashlib.sha256(configuration(plan, directory).encode()).hexdigest()
        service = Service(
            name="dns",
            command=("dnsmasq", "--keep-in-foreground", f"--conf-file={directory / CONFIGURATION}"),
            environment={"LUNA_CONFIGURATION_SHA256": digest},
            reload_signal=signal.SIGHUP,
        )
        return [service]
