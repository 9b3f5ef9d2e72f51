"""Runs ISC dhcpd, once for each address family, on the files that `rendering` makes (dhcpd(8))."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from luna_core.interfaces import NetworkService
from luna_core.run import run
from luna_core.services.listening import interfaces
from luna_core.services.scopes import Family, scopes
from luna_core.services.state import make_state_directory
from luna_core.services.tftp import tftp_service
from luna_core.types import NetworkPlan, Service
from luna_dhcp_isc.rendering import configuration

FILES: Mapping[Family, str] = {4: "dhcpd.conf", 6: "dhcpd6.conf"}


class IscDhcp(NetworkService):
    """dhcpd has no way to reload, so its services have no reload signal."""

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        """One configuration for each family."""
        return {name: configuration(plan, family) for family, name in FILES.items()}

    def check(self, directory: Path) -> None:
        """`dhcpd -t` reads each file."""
        for family, name in FILES.items():
            run(["dhcpd", "-t", f"-{family}", "-cf", directory / name])

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """A process for each family that has a subnet to serve, and TFTP."""
        families: tuple[Family, ...] = (4, 6)
        daemons = [_service(family, plan, directory) for family in families if scopes(plan, family)]
        return [*daemons, tftp_service(plan.cluster)] if daemons else []


def _service(family: Family, plan: NetworkPlan, directory: Path) -> Service:
    leases = make_state_directory(directory) / f"dhcpd{family}.leases"
    # dhcpd starts on an empty file but not without one.
    leases.touch()
    files = ("-cf", str(directory / FILES[family]), "-lf", str(leases), "--no-pid")
    return Service(name=f"dhcp{family}", command=("dhcpd", f"-{family}", "-f", "-d", *files, *interfaces(plan.cluster)))
