"""The conformance kit finds what it is there to find, and is a good guest in other people's pytest."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from luna_core.errors import CommandFailed
from luna_core.node.manifest import parse_manifest
from luna_core.run import run
from luna_core.testing import checks, facts
from luna_core.testing.subject import Subject, search_path


def found(site, check, source: str) -> list[str]:
    return checks.problems(check, Subject.of_module(site.install("luna-bad", dedent(source))))


@pytest.mark.parametrize(
    ("check", "source", "problem"),
    [
        (checks.it_loads, "1 / 0", "division by zero"),
        (checks.it_loads, "@hookimpl\ndef luna_setings(): pass", "is luna_settings meant?"),
        (checks.it_imports_lightly, "import pydantic", "importing it imports pydantic"),
        (checks.it_imports_lightly, "import luna_other_plugin", "importing it imports luna_other_plugin"),
        (
            checks.its_settings_are_valid,
            "@hookimpl\ndef luna_settings(): return [t.Setting(name='port', default=1, help='P.')]",
            "accepted is a name that begins with",
        ),
        (
            checks.its_settings_are_valid,
            "@hookimpl\ndef luna_settings(): return [t.Setting(name='a.b', default='x', help='P.', choices=('y',))]",
            "the default is refused",
        ),
        (
            checks.its_settings_are_valid,
            "@hookimpl\ndef luna_settings(): return [t.Setting(name='http.port', default=1, help='')]",
            "luna itself has a setting of that name",
        ),
        (
            checks.its_commands_exist,
            "@hookimpl\ndef luna_commands(): return [t.Command(name='x', load='nowhere:x', help='X.')]",
            "not there (ModuleNotFoundError: No module named 'nowhere')",
        ),
        (
            checks.its_commands_exist,
            "@hookimpl\ndef luna_commands(): return [t.Command(name='x', load='os:getcwd', help='X.')]",
            "accepted is a click command",
        ),
        (
            checks.its_settings_are_valid,
            "@hookimpl\ndef luna_settings():\n    return 1 / 0",
            "ZeroDivisionError: division by zero (luna_bad.py, line 8)",
        ),
        (
            checks.its_settings_are_valid,
            "import json\n@hookimpl\ndef luna_settings():\n    return json.loads('sunny')",
            "(luna_bad.py, line 9)",
        ),
        (
            checks.its_web_apps_exist,
            "@hookimpl\ndef luna_web_apps(): return [t.WebApp(prefix='/x', load='os:sep')]",
            "accepted is a callable",
        ),
        (
            checks.its_answers_are_sound,
            "@hookimpl\ndef luna_kernel_arguments(image, node): return [node.rock]",
            "luna_kernel_arguments: AttributeError",
        ),
        (
            checks.its_health_checks_answer,
            "@hookimpl\ndef luna_checks(): return [t.Check(name='x', run=lambda cluster: True)]",
            "check x returned True",
        ),
        (
            checks.its_scripts_parse,
            "@hookimpl\ndef luna_postscripts(): return [t.Postscript(name='x', stage='chroot', text='if true')]",
            "postscript x: sh exited with status 2",
        ),
    ],
)
def test_a_fault_is_found_and_named(site, check, source: str, problem: str) -> None:
    if "luna_other_plugin" in source:
        (site.directory / "luna_other_plugin.py").touch()
    assert any(problem in one for one in found(site, check, source))


def test_a_refusal_in_words_is_no_fault(site) -> None:
    source = """
    from luna_core.errors import BadInput
    @hookimpl
    def luna_image_packages(image):
        raise BadInput("This image is not for us.")
    """
    assert found(site, checks.its_answers_are_sound, source) == []


def test_heavy_imports_inside_functions_are_fine(site) -> None:
    source = """
    @hookimpl
    def luna_image_packages(image):
        import pydantic
        return [pydantic.__name__]
    """
    assert found(site, checks.it_imports_lightly, source) == []


def test_the_pytest_plugin_imports_nothing_of_luna_until_it_is_used() -> None:
    code = "import pytest, sys; a = set(sys.modules); import luna_core.testing.plugin; print(*set(sys.modules) - a)"
    imported = run([sys.executable, "-c", code], environment=search_path()).split()
    assert sorted(imported) == ["luna_core", "luna_core.testing", "luna_core.testing.plugin"]


def test_the_fixtures_find_no_plugins(site, luna_plugins, luna_settings, tmp_path: Path) -> None:
    module = site.install("luna-good", "@hookimpl\ndef luna_discover(macs): return []", name="good")
    assert luna_plugins().records == ()
    assert [record.name for record in luna_plugins(module).records] == [module]
    assert luna_settings.no_plugins
    assert tmp_path in luna_settings.plugin_directory.parents


def test_the_version_to_test_with_is_a_true_one(tmp_path: Path) -> None:
    version = facts.version(tmp_path)
    manifest = parse_manifest((version.directory / "manifest.json").read_bytes(), version.manifest_sha256)
    assert all((version.directory / file.name).stat().st_size == file.size_bytes for file in manifest.shards)


def test_a_failing_contract_fails_the_third_party_s_tests(site, tmp_path: Path) -> None:
    module = site.install("luna-bad", "import pydantic\n@hookimpl\ndef luna_discover(macs): return [macs]")
    test_file = tmp_path / "test_bad.py"
    test_file.write_text(
        "from luna_core.testing.general import PluginContract\n"
        f"class TestContract(PluginContract):\n    module = {module!r}\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=line",
        "--rootdir",
        tmp_path,
        test_file,
    ]
    with pytest.raises(CommandFailed) as raised:
        run(command, environment=search_path(), directory=tmp_path)
    assert "2 failed" in str(raised.value)
    assert "importing it imports pydantic" in str(raised.value)
