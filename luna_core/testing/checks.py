"""What every plugin must keep to. `PluginContract` and `luna plugin check` both run these.

Each check yields what is wrong, in words. Hooks that only answer are called with the facts of a small cluster; hooks
that act (build, publish, react) are not, so that the check can run on a controller in service.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import walk_tb

from luna_core.errors import CommandFailed, LunaError
from luna_core.plugins import explain
from luna_core.run import run
from luna_core.settings import CORE_SETTINGS, parse_setting
from luna_core.testing import facts
from luna_core.testing.subject import Subject, search_path
from luna_core.types import CheckResult, Setting

IMPORT_PROBE = """
import sys
from luna_core.plugins import PluginRecord, import_module_of
import luna_core.hookspecs
before = set(sys.modules)
import_module_of(PluginRecord(name="probe", kind=sys.argv[1], origin=sys.argv[2]))
print(*set(sys.modules) - before)
"""
MACS = ["52:54:00:00:00:01"]
# A drop-in has a module name that luna gave it.
DROP_IN = "luna_drop_in_"


def it_loads(subject: Subject) -> Iterator[str]:
    """It is imported and registered: every hook is spelt right and takes arguments that exist."""
    if subject.record.status == "failed":
        yield subject.record.reason
        return
    try:
        if not subject.implemented:
            yield "it answers no hook"
    except (Exception, SystemExit) as error:
        yield explain(error)


def it_imports_lightly(subject: Subject) -> Iterator[str]:
    """Importing it imports only the standard library, luna_core, pluggy and its own package."""
    command = [sys.executable, "-c", IMPORT_PROBE, subject.record.kind, subject.record.origin]
    imported = {name.partition(".")[0] for name in run(command, environment=search_path()).split()}
    heavy = imported - sys.stdlib_module_names - {"luna_core", "pluggy", subject.package}
    for name in sorted(one for one in heavy if not one.startswith(DROP_IN)):
        yield f"importing it imports {name}: do that inside the functions that need it"


def its_settings_are_valid(subject: Subject) -> Iterator[str]:
    """Each setting has a name with a prefix, a help that is a sentence, and a default that it accepts itself."""
    for answer in subject.hooks.luna_settings():
        yield from (f"setting {answer.value.name}: {fault}" for fault in _setting_faults(answer.value))


def its_commands_exist(subject: Subject) -> Iterator[str]:
    """Each command has a help, and what it loads is a click command."""
    import click

    for answer in subject.hooks.luna_commands():
        loaded = _load(answer.value.load)
        if not isinstance(loaded, click.Command):
            yield f"command {answer.value.name}: {answer.value.load} is {loaded}; accepted is a click command"
        if not answer.value.help:
            yield f"command {answer.value.name} has no help"


def its_web_apps_exist(subject: Subject) -> Iterator[str]:
    """What each application loads can be called, and its prefix is one word."""
    for answer in subject.hooks.luna_web_apps():
        loaded = _load(answer.value.load)
        if not callable(loaded):
            yield f"web application {answer.value.prefix}: {answer.value.load} is {loaded}; accepted is a callable"
        if "/" in answer.value.prefix or not answer.value.prefix:
            yield f"web application {answer.value.prefix!r}: accepted is a prefix without slashes"


def its_answers_are_sound(subject: Subject) -> Iterator[str]:
    """Hooks that answer do so with the right records, or refuse with a LunaError."""
    with TemporaryDirectory() as directory:
        for hook, call in _questions(subject, Path(directory)).items():
            try:
                call()
            except LunaError:
                continue
            except Exception as error:
                yield f"{hook}: {_placed(subject, error)}"


def its_health_checks_answer(subject: Subject) -> Iterator[str]:
    """Each health check returns a result, or raises, which counts as failed."""
    cluster = facts.cluster(subject.settings)
    for answer in subject.hooks.luna_checks():
        try:
            result: object = answer.value.run(cluster)
        except Exception:  # noqa: S112 - the contract lets a check raise
            continue
        if not isinstance(result, CheckResult):
            yield f"check {answer.value.name} returned {result!r}; accepted is a CheckResult"


def its_scripts_parse(subject: Subject) -> Iterator[str]:
    """Each postscript is valid for POSIX sh."""
    with TemporaryDirectory() as directory:
        image = facts.image(Path(directory), settings=subject.settings)
        with suppress(LunaError):
            answers = subject.hooks.luna_postscripts(image, facts.node(settings=subject.settings))
            yield from (f"postscript {one.value.name}: {fault}" for one in answers for fault in _faults(one.value.text))


GENERAL_CHECKS: tuple[Callable[[Subject], Iterator[str]], ...] = (
    it_loads,
    it_imports_lightly,
    its_settings_are_valid,
    its_commands_exist,
    its_web_apps_exist,
    its_answers_are_sound,
    its_health_checks_answer,
    its_scripts_parse,
)


def problems(check: Callable[[Subject], Iterator[str]], subject: Subject) -> list[str]:
    """What a check finds wrong; an exception from the plugin is wrong too."""
    try:
        return list(check(subject))
    except (Exception, SystemExit) as error:
        return [_placed(subject, error)]


def _placed(subject: Subject, error: BaseException) -> str:
    """An exception in words, with the last line of the plugin's own that it went through."""
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(DROP_IN) or module.partition(".")[0] == subject.package:
            place = f" ({Path(frame.f_code.co_filename).name}, line {line})"
    return explain(error) + ("" if isinstance(error, LunaError) else place)


def _faults(script: str) -> Iterator[str]:
    try:
        run(["sh", "-n"], stdin=script)
    except CommandFailed as error:
        yield str(error)


def _setting_faults(setting: Setting) -> Iterator[str]:
    if "." not in setting.name.strip("."):
        yield "accepted is a name that begins with the plugin's kind and a dot"
    if setting.name in {one.name for one in CORE_SETTINGS}:
        yield "luna itself has a setting of that name"
    if not setting.help.endswith("."):
        yield f"help is {setting.help!r}; accepted is a sentence"
    try:
        parse_setting(setting, setting.default)
    except LunaError as error:
        yield f"the default is refused: {error}"


def _questions(subject: Subject, directory: Path) -> Mapping[str, Callable[[], object]]:
    hooks, settings = subject.hooks, subject.settings
    image, node = facts.image(directory, settings=settings, distro="debian"), facts.node(settings=settings)
    return {
        "luna_checks": hooks.luna_checks,
        "luna_image_packages": lambda: hooks.luna_image_packages(image),
        "luna_initrd_files": lambda: hooks.luna_initrd_files(image),
        "luna_discover": lambda: hooks.luna_discover(MACS, facts.machine(MACS, settings=settings)),
        "luna_kernel_arguments": lambda: hooks.luna_kernel_arguments(image, node),
        "luna_postscripts": lambda: hooks.luna_postscripts(image, node),
        "luna_services": lambda: hooks.luna_services(node.cluster),
    }


def _load(target: str) -> object:
    try:
        return EntryPoint(name="", value=target, group="").load()
    except Exception as error:
        return f"not there ({explain(error)})"
