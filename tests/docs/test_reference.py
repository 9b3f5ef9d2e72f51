"""The reference pages say what the contract says, and the examples in it are code that works."""

import ast
import inspect
import re
import runpy
import shutil
import sys
from pathlib import Path
from textwrap import dedent, indent
from types import ModuleType, SimpleNamespace
from typing import get_type_hints

import pytest

from luna_core import hookspecs, interfaces, types
from luna_core.contract import hook_arguments
from luna_core.hooks import Hooks
from luna_core.plugins import PluginRecord, Plugins
from luna_core.settings import MachineSettings
from luna_core.testing import facts

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOOKS = {name: getattr(hookspecs, name) for name in hook_arguments()}
CLASSES = [one for one in vars(interfaces).values() if inspect.isclass(one) and one.__module__ == interfaces.__name__]
METHODS = {
    f"{owner.__name__}.{name}": method
    for owner in CLASSES
    for name, method in vars(owner).items()
    if inspect.isfunction(method)
}


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def signature(function: object) -> str:
    """The `def` as its author wrote it, on one line."""
    (definition,) = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    definition.body, definition.decorator_list = [ast.Expr(ast.Constant(...))], []
    return ast.unparse(definition).removesuffix(":\n    ...")


def example(function: object) -> str:
    return dedent(inspect.getdoc(function).partition("Example:\n")[2])


def test_the_pages_are_what_the_generator_writes() -> None:
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    assert {path.name for path in pages} == {"hooks.md", "records.md", "drivers.md"}
    stale = [path.name for path, text in pages.items() if path.read_text() != text]
    assert not stale, "run: python docs/generate.py"


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(name: str) -> None:
    page = (DOCS / "reference/hooks.md").read_text()
    assert f"\n## {name}\n" in page
    assert signature(HOOKS[name]) in page


@pytest.mark.parametrize("name", METHODS)
def test_every_driver_method_is_documented_with_its_exact_signature(name: str) -> None:
    page = (DOCS / "reference/drivers.md").read_text()
    assert f"\n### {name}\n" in page
    assert squeezed(signature(METHODS[name])) in squeezed(page)


def test_every_record_is_documented() -> None:
    page = (DOCS / "reference/records.md").read_text()
    records = [name for name, one in vars(types).items() if inspect.isclass(one) and one.__module__ == types.__name__]
    assert not [name for name in records if f"\n## {name}\n" not in page]


@pytest.mark.parametrize("name", HOOKS.keys() | METHODS.keys() - {"Store.__init__"})
def test_every_example_compiles(name: str) -> None:
    function = HOOKS.get(name) or METHODS[name]
    assert example(function), f"{name} has no Example:"
    compile(f"{signature(function)}:\n{indent(example(function), '    ')}", name, "exec", dont_inherit=True)


def test_the_example_of_hookspecs_is_a_plugin(luna_plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paragraphs = (hookspecs.__doc__ or "").split("\n\n")
    code = "\n\n".join(one for one in paragraphs if one.startswith("    "))
    (tmp_path / "example_of_hookspecs.py").write_text(dedent(code))
    monkeypatch.syspath_prepend(tmp_path)
    (answer,) = luna_plugins("example_of_hookspecs").luna_kernel_arguments(facts.image(tmp_path), facts.node())
    assert (answer.value.key, answer.value.value) == ("console", "ttyS1,115200")


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_s_example_runs_and_answers_rightly(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    module = ModuleType(f"example_{name}")
    vars(module).update(vars(types))
    vars(module).update(surroundings(tmp_path, called))
    source = f"@hookimpl\ndef {name}({', '.join(hook_arguments()[name])}):\n{indent(example(HOOKS[name]), '    ')}"
    exec(compile(source, name, "exec", dont_inherit=True), vars(module))  # noqa: S102 - our own docstring
    monkeypatch.setitem(sys.modules, module.__name__, module)
    record = PluginRecord(name="example", kind="plugin", origin=module.__name__)
    hooks = Hooks(Plugins(MachineSettings(debug=True), [record]))

    facts_of_the_hook = arguments(name, tmp_path)
    before = files(tmp_path)
    answer = getattr(hooks, name)(**facts_of_the_hook)

    if get_type_hints(HOOKS[name])["return"] is type(None):
        assert called or files(tmp_path) != before
    else:
        assert [one.plugin for one in answer] == ["example"]


def files(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


def surroundings(tmp_path: Path, called: list[str]) -> dict[str, object]:
    """What the examples take for granted; no path of theirs leaves `tmp_path`."""

    def note(*words: object, **more: object) -> None:
        called.append(str(words))

    return {
        "hookimpl": hookspecs.hookimpl,
        "Path": lambda path: tmp_path / path.lstrip("/"),
        "shutil": shutil,
        "licence_is_valid": lambda cluster: types.CheckResult(status="ok", message="It is."),
        "inventory": {"52:54:00:00:00:01"},
        "announce": note,
        "resume_in_slurm": note,
        "log": SimpleNamespace(info=note),
        "monitoring": SimpleNamespace(silence=note),
    }


def arguments(name: str, tmp_path: Path) -> dict[str, object]:
    version = facts.version(tmp_path / "version")
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "export/images").mkdir(parents=True)
    if name == "luna_transport_withdraw":
        (tmp_path / "export/images" / version.manifest_sha256).mkdir()
    sighting = types.Sighting(mac="52:54:00:00:00:01", place="rack 3 slot 7")
    known = {
        "image": facts.image(tmp_path / "tree"),
        "root": tmp_path / "root",
        "version": version,
        "node": facts.node(),
        "cluster": facts.cluster(),
        "macs": ["52:54:00:00:00:01"],
        "machine": facts.machine(["52:54:00:00:00:01"]),
        "nodes": interfaces.NodeNames(),
        "sighting": sighting,
        "old": "unknown",
        "new": "up",
        "state": types.PowerState.ON,
    }
    return {argument: known[argument] for argument in hook_arguments()[name]}
