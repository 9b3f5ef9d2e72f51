"""Everything that `luna doctor` looks at: the store, the plugins, and what plugins check themselves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from luna_core import drivers
from luna_core.errors import BadInput, LunaError, did_you_mean
from luna_core.model import KINDS, BmcSetup, Network, Node, OsImage, OtherDev, SettingValue, Switch
from luna_core.model import Cluster as ClusterObject
from luna_core.model.boot import UnknownMachine
from luna_core.model.fields import Secret
from luna_core.model.walk import marked_paths, replace
from luna_core.operations.configure import all_settings, settings
from luna_core.operations.doctor import problems
from luna_core.operations.images.facts import AUTO
from luna_core.operations.plan import current_plan
from luna_core.operations.resolve import Resolver
from luna_core.operations.session import Luna
from luna_core.operations.work import Work
from luna_core.plugins import explain
from luna_core.services.neighbour_table import too_small
from luna_core.services.network import network_servers
from luna_core.services.scopes import NO_SERVER
from luna_core.services.status import read_status
from luna_core.services.user import AS_ROOT, complaints
from luna_core.settings import parse_setting
from luna_core.tls import certificates, doubt
from luna_core.types import CheckResult, Cluster, IPAddress

_RENEWAL = timedelta(days=60)
_LOG = "The log of luna serve tells more; 'luna serve --status' shows each service."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check."""

    check: str
    status: Literal["ok", "warning", "failed"]
    message: str
    remedy: str = ""


def checkup(luna: Luna) -> list[Finding]:
    """Every finding, those of the store first. Raises StoreError if it can't be read."""
    looks: dict[str, Callable[[Luna], Iterator[Finding]]] = {
        "secrets": _secrets,
        "services": _services,
        "services' user": _user,
        "neighbour table": _neighbours,
        "DHCPv6": _boot_networks,
        "HTTPS": _certificate,
        "drivers": _drivers,
        "DHCP and DNS": _network_files,
        "settings": _settings,
        "discovery.rank": _ranks,
        "plugins": _plugins,
        "machines": _machines,
        "checks of plugins": _checks,
    }
    return [*_store(luna), *(one for check, look in looks.items() for one in _found(luna, check, look))]


def _found(luna: Luna, check: str, look: Callable[[Luna], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look(luna)
    except Exception as error:  # whatever a damaged object or a plugin leads to, the others are looked at
        if luna.settings.debug:
            raise
        message = f"This was not looked at, or not all of it: {explain(error)}"
        yield Finding(check=check, status="failed", message=message)


def _store(luna: Luna) -> Iterator[Finding]:
    found = luna.read(lambda work: list(problems(work)))
    for problem in found:
        yield Finding(
            check="store", status="failed", message=problem, remedy="'luna history' shows what changed; 'luna undo' it."
        )
    if not found:
        yield Finding(check="store", status="ok", message="Every object, key, reference and change is whole.")


def _secrets(luna: Luna) -> Iterator[Finding]:
    """Whether the key is the one of what is stored: after a move nobody would know until a BMC is asked."""
    kinds = [model for model in KINDS.values() if marked_paths(model, Secret)]
    stored = luna.read(lambda work: [one for model in kinds for one in work.all(model)])
    try:
        for one in stored:
            replace(type(one), one.body(), Secret, lambda _, secret: luna.keyring.decrypt(str(secret)))
    except LunaError as error:
        yield Finding(check="secrets", status="failed", message=str(error), remedy="docs/how-to/back-up-and-move.md")


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


def _certificate(luna: Luna) -> Iterator[Finding]:
    if not luna.read(lambda work: work.all(ClusterObject)) or not luna.cluster_settings()["https.port"]:
        return
    where = certificates(luna.settings)
    if message := doubt(where, _RENEWAL):
        yield Finding(check="HTTPS", status="failed" if doubt(where) else "warning", message=message)


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


def _drivers(luna: Luna) -> Iterator[Finding]:
    """A name that nothing answers to is otherwise noticed when it is used, perhaps months later."""
    setups, images = luna.read(lambda work: (work.all(BmcSetup), work.all(OsImage)))
    named = [("bmcsetup", one.name, "driver", "luna.bmc", one.driver) for one in setups]
    named += [("osimage", one.name, "distro", "luna.distro", one.distro) for one in images if one.distro != AUTO]
    # Imported, for one that is installed and can't be is as good as none.
    active = {
        group: [one.name for one in drivers.examined(group, luna.settings) if one.status == "active"]
        for group in {group for *_, group, _ in named}
    }
    for kind, name, field, group, driver in named:
        known = active[group]
        if driver not in known:
            yield Finding(
                check=f"{kind} {name}",
                status="warning",
                message=f"Its {field} {driver!r} is not active; those that are: {', '.join(known) or 'none'}."
                + did_you_mean(driver, known),
                remedy=f"'luna {kind} change {name} --{field} NAME'; 'luna plugin list' says why one is not active.",
            )


def _network_files(luna: Luna) -> Iterator[Finding]:
    """Whether the files of DHCP and DNS can be made: what `luna serve` would say, also where it doesn't run."""
    if not luna.read(lambda work: work.all(ClusterObject)):
        return
    try:
        plan = current_plan(luna)
        for server in network_servers(plan.cluster, luna.settings):
            server.driver.render(plan, server.directory)
    except LunaError as error:
        remedy = "Until then the files of DHCP and DNS stay as they are."
        yield Finding(check="DHCP and DNS", status="warning", message=str(error), remedy=remedy)


def _settings(luna: Luna) -> Iterator[Finding]:
    """What was stored before a setting had its range or its choices, and no longer fits, counts for nothing."""
    stored = {one.name: one.value for one in luna.read(lambda work: work.all(SettingValue))}
    for setting in (one for one in all_settings(luna.hooks) if one.name in stored):
        try:
            parse_setting(setting, stored[setting.name])
        except BadInput as error:
            yield Finding(
                check=setting.name,
                status="warning",
                message=f"Its value is no longer accepted, and its default {setting.default!r} is in force: {error}",
                remedy=f"luna settings set {setting.name} VALUE",
            )


def _ranks(luna: Luna) -> Iterator[Finding]:
    """A word of discovery.rank that is no plugin counts for nothing, and what it was to name comes last."""
    stored = luna.read(lambda work: work.find(SettingValue, "discovery.rank"))
    known = [one.name for one in luna.hooks.records if "luna_discover" in luna.hooks.implemented_by(one.name)]
    for word in stored.value if stored and isinstance(stored.value, tuple) else ():
        if word not in known:
            yield Finding(
                check="discovery.rank",
                status="warning",
                message=f"No active plugin {word!r} names machines; those that do: {', '.join(known) or 'none'}."
                + did_you_mean(word, known),
                remedy="'luna settings set discovery.rank NAME,NAME'; 'luna plugin list' says why one is not active.",
            )


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
