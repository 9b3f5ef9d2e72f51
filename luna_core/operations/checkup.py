"""Everything that `luna doctor` looks at: the store, the plugins, and what plugins check themselves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from luna_core.errors import LunaError
from luna_core.model import Network, Node, OsImage, OtherDev, SettingValue, Switch
from luna_core.model.boot import UnknownMachine
from luna_core.operations.configure import all_settings, settings
from luna_core.operations.doctor import problems
from luna_core.operations.resolve import Resolver
from luna_core.operations.session import Luna
from luna_core.operations.work import Work
from luna_core.plugins import explain
from luna_core.services.neighbour_table import too_small
from luna_core.services.scopes import NO_SERVER
from luna_core.services.status import read_status
from luna_core.services.user import AS_ROOT, complaints
from luna_core.types import CheckResult, Cluster, IPAddress

_LOG = "The log of luna serve tells more; 'luna serve --status' shows each service."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    check: str
    status: Literal["ok", "warning", "failed"]
    message: str
    remedy: str = ""


def checkup(luna: Luna) -> list[Finding]:
    """Every finding, those of the store first."""
    own = [*_store(luna), *_services(luna), *_user(luna), *_neighbours(luna), *_boot_networks(luna)]
    return [*own, *_plugins(luna), *_machines(luna), *_checks(luna)]


def _store(luna: Luna) -> Iterator[Finding]:
    found = luna.read(lambda work: list(problems(work)))
    for problem in found:
        yield Finding(
            check="store", status="failed", message=problem, remedy="'luna history' shows what changed; 'luna undo' it."
        )
    if not found:
        yield Finding(check="store", status="ok", message="Every object, key, reference and change is whole.")


def _services(luna: Luna) -> Iterator[Finding]:
    try:
        status = read_status(luna.settings)
    except LunaError as error:
        yield Finding(check="services", status="warning", message=str(error), remedy="'luna serve' runs them.")
        return
    stopped = [f"{one['name']}: {one['last_exit']}." for one in status["services"] if one["state"] == "waiting"]
    for problem in [*status["problems"], *stopped]:
        bearable = problem.startswith(AS_ROOT)
        yield Finding(check="services", status="warning" if bearable else "failed", message=problem, remedy=_LOG)
    if not status["problems"] and not stopped:
        yield Finding(check="services", status="ok", message="Every service that luna serve is to run does.")


def _user(luna: Luna) -> Iterator[Finding]:
    trees = luna.read(lambda work: {image.name: Path(image.path) for image in work.all(OsImage)})
    for complaint in complaints(luna.settings, trees):
        yield Finding(check="services' user", status="failed", message=complaint, remedy="docs/how-to/install.md")


def _neighbours(luna: Luna) -> Iterator[Finding]:
    for message in too_small(luna.read(lambda work: list(_addresses(work)))):
        yield Finding(
            check="neighbour table",
            status="warning",
            message=f"{message} Those that are in networks of this machine may not all reach it at once.",
            remedy="Set gc_thresh1, 2 and 3 to one, two and four times the addresses in /etc/sysctl.d.",
        )


def _addresses(work: Work) -> Iterator[IPAddress]:
    for node in work.all(Node):
        yield from (one.address for one in node.addresses)
    for device in (*work.all(Switch), *work.all(OtherDev)):
        yield from (one.address for one in device.addresses)


def _boot_networks(luna: Luna) -> Iterator[Finding]:
    for name in luna.read(lambda work: list(_without_range(work))):
        yield Finding(
            check="DHCPv6",
            status="warning",
            message=f"Nodes boot in network {name} by IPv6 alone, and it has no range for DHCP. Firmware and iPXE ask "
            "under several names each, of which one gets the node's own address: the others find none.",
            remedy=f"luna network change {name} --dhcp FIRST-LAST",
        )


def _without_range(work: Work) -> Iterator[str]:
    """The networks in which no node can boot for want of a range, if luna is whom they ask."""
    if any((one.name, one.value) == ("dhcp.server", NO_SERVER) for one in work.all(SettingValue)):
        return
    found: set[str] = set()
    for node in work.all(Node):
        boot = [one for one in node.addresses if one.interface == "BOOTIF"]
        if all(one.address.version == 6 for one in boot):
            found |= {one.network for one in boot}
    for network in work.many(Network, sorted(found)):
        subnet = network.subnet(6)
        if subnet and not subnet.dhcp_range:
            yield network.name


def _plugins(luna: Luna) -> Iterator[Finding]:
    failed = {record.name: record.reason for record in luna.hooks.records if record.status == "failed"}
    luna.hooks.luna_commands()
    luna.hooks.luna_settings()
    failed |= {one.plugin: f"{one.hook}: {one.reason}" for one in luna.hooks.failures}
    for name, reason in sorted(failed.items()):
        yield Finding(
            check=f"plugin {name}", status="failed", message=reason, remedy=f"'luna plugin check {name}' tells more."
        )
    if "luna_discover" not in luna.hooks.implemented_by("mac"):
        yield Finding(
            check="plugin mac",
            status="warning",
            message="It is not active, so that no machine is known by its MACs when it boots.",
            remedy="Install luna-discovery-mac; 'luna plugin list' tells why it is not active.",
        )
    if not failed:
        yield Finding(check="plugins", status="ok", message="Every plugin that is not disabled is active.")


def _checks(luna: Luna) -> Iterator[Finding]:
    checks = luna.hooks.luna_checks()
    try:
        known = all_settings(luna.hooks)
        cluster = luna.read(lambda work: Resolver(work, settings(work, known)).cluster())
    except LunaError as error:
        if checks:
            yield Finding(check="checks of plugins", status="warning", message=f"They were not run: {error}")
        return
    for answer in checks:
        result = _outcome(answer.value.run, cluster)
        yield Finding(
            check=f"{answer.plugin}: {answer.value.name}",
            status=result.status,
            message=result.message,
            remedy=result.remedy,
        )


def _machines(luna: Luna) -> Iterator[Finding]:
    for one in luna.read(lambda work: work.all(UnknownMachine)):
        message = f"It waits for a name since {one.first_seen}: {one.reason}"
        yield Finding(check=f"machine {one.name}", status="warning", message=message, remedy=one.command)


def _outcome(run: Callable[[Cluster], object], cluster: Cluster) -> CheckResult:
    try:
        result = run(cluster)
    except Exception as error:  # a check that can't be carried out has failed, whatever the plugin raises
        return CheckResult(status="failed", message=f"The check itself failed: {explain(error)}")
    if not isinstance(result, CheckResult):
        return CheckResult(status="failed", message=f"The check answered {result!r}, which is no CheckResult.")
    return result
