"""Runs Kea, once for each address family, on the files that `rendering` makes (Kea Administrator Reference Manual)."""

import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from luna_core.interfaces import NetworkService
from luna_core.run import run
from luna_core.services.scopes import Family, scopes
from luna_core.services.state import make_state_directory, state_path
from luna_core.services.tftp import tftp_service
from luna_core.types import NetworkPlan, Service
from luna_dhcp_kea.rendering import configuration

FAMILIES: tuple[Family, ...] = (4, 6)


class KeaDhcp(NetworkService):
    """One kea-dhcp process for each family; SIGHUP makes it read its whole configuration again."""

    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        """One configuration for each family, as JSON."""
        state = state_path(directory)
        return {_file(family): json.dumps(configuration(plan, family, state), indent=2) + "\n" for family in FAMILIES}

    def check(self, directory: Path) -> None:
        """`kea-dhcp4 -t` and `kea-dhcp6 -t` read each file."""
        make_state_directory(directory)
        for family in FAMILIES:
            run(
                [f"kea-dhcp{family}", "-t", directory / _file(family)],
                environment={**_environment(directory), "KEA_LOCKFILE_DIR": "none"},
            )

    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """A process for each family that has a subnet to serve, and TFTP."""
        daemons = [_service(family, directory) for family in FAMILIES if scopes(plan, family)]
        return [*daemons, tftp_service(plan.cluster)] if daemons else []


def _service(family: Family, directory: Path) -> Service:
    make_state_directory(directory)
    return Service(
        name=f"dhcp{family}",
        command=(f"kea-dhcp{family}", "-c", str(directory / _file(family))),
        environment=_environment(directory),
        reload_signal=signal.SIGHUP,
    )


def _environment(directory: Path) -> Mapping[str, str]:
    # Kea since 2.6.3 takes lease files from this directory only, and by default writes as below /var and /run.
    state = str(state_path(directory))
    return {"KEA_DHCP_DATA_DIR": state, "KEA_PIDFILE_DIR": state, "KEA_LOCKFILE_DIR": state}


def _file(family: Family) -> str:
    return f"kea-dhcp{family}.conf"
