"""What luna asks of its plugins, typed: one method for each hook, and the only place that calls pluggy.

Each plugin is called by itself, so that one that raises or answers nonsense costs no other plugin its answer.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pluggy

from luna_core import hookspecs
from luna_core.contract import checked, why_refused
from luna_core.errors import LunaError, PluginError
from luna_core.interfaces import NodeNames
from luna_core.plugins import PluginRecord, Plugins, explain
from luna_core.types import (
    Answer,
    Check,
    CheckResult,
    Cluster,
    Command,
    DracutModule,
    Endpoint,
    Failure,
    Image,
    ImageVersion,
    InitrdFile,
    KernelArgument,
    Machine,
    Node,
    Postscript,
    PowerState,
    Service,
    Setting,
    Sighting,
    WebApp,
)

T = TypeVar("T")
log = logging.getLogger("luna.plugins")


class Hooks:
    """The hooks of `luna_core.hookspecs`; answers come by ascending rank, equal ones by the plugin's name."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins
        self._failures: dict[tuple[str, str], Failure] = {}
        self._known: dict[str, list[pluggy.HookImpl]] = {}

    @property
    def failures(self) -> list[Failure]:
        """Each plugin that failed the last time that it was asked, with the hook and the reason."""
        return list(self._failures.values())

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Every plugin that was found, with its status after all were imported and registered."""
        _ = self._manager
        return self.plugins.records

    def implemented_by(self, plugin: str) -> list[str]:
        """The names of the hooks that an active plugin answers."""
        module = self._manager.get_plugin(plugin)
        callers = self._manager.get_hookcallers(module) if module else None
        return sorted(caller.name for caller in callers or ())

    def luna_commands(self) -> list[Answer[Command]]:
        """Subcommands; of two plugins' commands of one name the second is left out."""
        return self._gather("luna_commands", Command, unique="name")

    def luna_settings(self) -> list[Answer[Setting]]:
        """Settings; of two plugins' settings of one name the second is left out."""
        return self._gather("luna_settings", Setting, unique="name")

    def luna_checks(self) -> list[Answer[Check]]:
        """Health checks; a plugin that fails to name its own gets one that says so."""
        checks = self._gather("luna_checks", Check)
        failed = [one for (_, hook), one in self._failures.items() if hook == "luna_checks"]
        return checks + [Answer(plugin=one.plugin, value=_failed_check(one)) for one in failed]

    def luna_web_apps(self) -> list[Answer[WebApp]]:
        """WSGI applications; of two plugins' applications of one prefix the second is left out."""
        return self._gather("luna_web_apps", WebApp, unique="prefix")

    def listens(self, hook: str) -> bool:
        """Whether any plugin implements a hook, for what takes work to tell."""
        return bool(self._implementations(hook))

    def luna_image_packages(self, image: Image) -> list[Answer[str]]:
        """Packages that the image needs. Raises PluginError."""
        return self._gather("luna_image_packages", str, stop=True, image=image)

    def luna_image_configure(self, image: Image, root: Path) -> None:
        """Let each plugin change the tree. Raises PluginError."""
        self._tell("luna_image_configure", stop=True, image=image, root=root)

    def luna_image_packed(self, image: Image, version: ImageVersion) -> None:
        """Tell of a new version."""
        self._tell("luna_image_packed", image=image, version=version)

    def luna_initrd_files(self, image: Image) -> list[Answer[InitrdFile | DracutModule]]:
        """What goes into the initramfs. Raises PluginError."""
        return self._gather("luna_initrd_files", InitrdFile, DracutModule, stop=True, image=image)

    def luna_transport_publish(self, version: ImageVersion) -> list[str]:
        """Let every transport offer a version; returns those that do. Raises LunaError if none does."""
        hook = "luna_transport_publish"
        published = self._tell(hook, version=version)
        if not published:
            reasons = [f"{one.plugin}: {one.reason}" for one in self.failures if one.hook == hook]
            why = "; ".join(reasons) or "no transport plugin is active ('luna plugin list' shows why)"
            raise LunaError(f"No transport offers version {version.number} of {version.image.name}: {why}.")
        return published

    def luna_transport_endpoints(self, version: ImageVersion, node: Node) -> list[Answer[Endpoint]]:
        """Ways for the node to fetch the version, best first."""
        return self._gather("luna_transport_endpoints", Endpoint, version=version, node=node)

    def luna_transport_withdraw(self, version: ImageVersion) -> None:
        """Let every transport stop offering a version. Raises PluginError."""
        self._tell("luna_transport_withdraw", stop=True, version=version)

    def luna_discover(
        self, macs: Sequence[str], machine: Machine | None = None, nodes: NodeNames | None = None
    ) -> list[Answer[Sighting]]:
        """Where the MACs were seen; conflicts are the caller's to weigh. Without `nodes` no node is known."""
        asked = machine or Machine(macs=tuple(macs))
        return self._gather("luna_discover", Sighting, macs=macs, machine=asked, nodes=nodes or NodeNames())

    def luna_node_identified(self, node: Node, sighting: Sighting) -> None:
        """Tell of a machine that was given its name."""
        self._tell("luna_node_identified", node=node, sighting=sighting)

    def luna_kernel_arguments(self, image: Image, node: Node) -> list[Answer[KernelArgument]]:
        """Kernel arguments. Raises PluginError, also for a key that two plugins give."""
        return self._gather("luna_kernel_arguments", KernelArgument, stop=True, unique="key", image=image, node=node)

    def luna_postscripts(self, image: Image, node: Node) -> list[Answer[Postscript]]:
        """Fragments of the installation. Raises PluginError."""
        return self._gather("luna_postscripts", Postscript, stop=True, image=image, node=node)

    def luna_node_state_changed(self, node: Node, old: str, new: str) -> None:
        """Tell of a change of a node's boot state."""
        self._tell("luna_node_state_changed", node=node, old=old, new=new)

    def luna_power_changed(self, node: Node, state: PowerState) -> None:
        """Tell of a node having been powered on or off."""
        self._tell("luna_power_changed", node=node, state=state)

    def luna_services(self, cluster: Cluster) -> list[Answer[Service]]:
        """Processes to supervise; of two plugins' services of one name the second is left out."""
        return self._gather("luna_services", Service, unique="name", cluster=cluster)

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        manager = pluggy.PluginManager("luna")
        manager.add_hookspecs(hookspecs)
        for name, module in self.plugins.modules.items():
            marked = {one: manager.parse_hookimpl_opts(module, one) for one in dir(module)}
            reason = why_refused(module, {one: dict(options) for one, options in marked.items() if options})
            if manager.is_registered(module):
                reason = f"its module {module.__name__} is that of plugin {manager.get_name(module)!r}"
            if reason:
                self.plugins.refuse(name, reason)
            else:
                manager.register(module, name)
        return manager

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        # None is registered once all plugins are, and to sort them took longer than many a plugin takes to answer.
        if hook not in self._known:
            found: list[pluggy.HookImpl] = getattr(self._manager.hook, hook).get_hookimpls()
            self._known[hook] = sorted(found, key=lambda one: one.plugin_name)
        return self._known[hook]

    def _gather(
        self, hook: str, *accepted: type[T], stop: bool = False, unique: str = "", **facts: object
    ) -> list[Answer[T]]:
        answers: list[Answer[T]] = []
        for one in self._implementations(hook):
            self._failures.pop((one.plugin_name, hook), None)
            try:
                values = checked(_call(one, facts), accepted)
                if unique:
                    _refuse_shared(unique, values, answers)
            except (Exception, SystemExit) as error:
                self._failed(one.plugin_name, hook, error, stop=stop)
            else:
                answers += [Answer(plugin=one.plugin_name, value=value) for value in values]
        return sorted(answers, key=lambda answer: getattr(answer.value, "rank", 0))

    def _tell(self, hook: str, *, stop: bool = False, **facts: object) -> list[str]:
        succeeded = []
        for one in self._implementations(hook):
            self._failures.pop((one.plugin_name, hook), None)
            try:
                _call(one, facts)
            except (Exception, SystemExit) as error:
                self._failed(one.plugin_name, hook, error, stop=stop)
            else:
                succeeded.append(one.plugin_name)
        return succeeded

    def _failed(self, plugin: str, hook: str, error: BaseException, *, stop: bool) -> None:
        """Called while the error is handled: keep and log it, or stop what asked."""
        if self.plugins.settings.debug:
            raise error
        reason = explain(error)
        if stop:
            raise PluginError(plugin, hook, reason) from error
        log.warning("plugin %s failed in %s: %s", plugin, hook, reason, exc_info=True)
        self._failures[plugin, hook] = Failure(plugin=plugin, hook=hook, reason=reason)


def _call(implementation: pluggy.HookImpl, facts: Mapping[str, object]) -> object:
    return implementation.function(**{name: facts[name] for name in implementation.argnames})


def _refuse_shared(field: str, values: Iterable[object], earlier: Iterable[Answer[T]]) -> None:
    holders = {getattr(answer.value, field): answer.plugin for answer in earlier}
    for value in values:
        if holder := holders.get(getattr(value, field)):
            raise ValueError(f"it gives the {field} {getattr(value, field)!r}, which plugin {holder!r} gives too")


def _failed_check(failure: Failure) -> Check:
    result = CheckResult(
        status="failed",
        message=f"Plugin {failure.plugin} can't say what to check: {failure.reason}",
        remedy=f"See 'luna plugin check {failure.plugin}', or disable the plugin.",
    )
    return Check(name=failure.plugin, run=lambda cluster: result)
