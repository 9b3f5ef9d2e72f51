"""What is found, what is refused before any of its code runs, and what a broken import costs: only itself."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core import plugins
from luna_core.errors import PluginError
from luna_core.plugins import Plugins, discover
from luna_core.settings import MachineSettings, machine_settings

GOOD = """
@hookimpl
def luna_settings():
    return [t.Setting(name="good.one", default=1, help="One.")]
"""


def tattling(file: Path) -> str:
    """A plugin that leaves a file behind when it is imported."""
    return f"Path({str(file)!r}).touch()\n" + GOOD


def test_a_plugin_is_listed_with_distribution_and_version(site) -> None:
    site.install("luna-good", GOOD, version="3.4", name="good")
    (record,) = site.hooks().records
    assert (record.name, record.kind, record.distribution, record.version, record.status) == (
        "good",
        "plugin",
        "luna-good",
        "3.4",
        "active",
    )


def test_discovery_finds_what_is_installed(site, luna_settings: MachineSettings) -> None:
    site.install("luna-good", GOOD)
    found = discover(replace(luna_settings, no_plugins=False))
    assert "luna-good" in {record.name for record in found if record.status == "active"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nonexistent_library", "ModuleNotFoundError: No module named 'nonexistent_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise RuntimeError", "RuntimeError"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_an_import_that_fails_costs_no_other_plugin_anything(site, source: str, reason: str) -> None:
    site.install("luna-bad", source)
    site.install("luna-good", GOOD)
    hooks = site.hooks()
    assert [answer.plugin for answer in hooks.luna_settings()] == ["luna-good"]
    status, said = site.status(hooks)["luna-bad"]
    assert status == "failed"
    assert reason in said


def test_ctrl_c_during_an_import_is_not_swallowed(site) -> None:
    site.install("luna-bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.hooks().luna_settings()


def test_nothing_is_imported_before_a_hook_is_called(site, tmp_path: Path) -> None:
    site.install("luna-good", tattling(tmp_path / "imported"))
    hooks = site.hooks()
    assert not (tmp_path / "imported").exists()
    hooks.luna_settings()
    assert (tmp_path / "imported").exists()


@pytest.mark.parametrize("disabled", [{"disabled_plugins": frozenset({"good"})}, {"no_plugins": True}])
def test_a_disabled_plugin_is_never_imported(site, tmp_path: Path, disabled: dict) -> None:
    site.install("luna-good", tattling(tmp_path / "imported"), name="good")
    hooks = site.hooks(MachineSettings(**disabled))
    assert hooks.luna_settings() == []
    assert site.status(hooks)["luna-good"][0] == "disabled"
    assert not (tmp_path / "imported").exists()


def test_the_environment_disables_by_name_or_distribution(site) -> None:
    site.install("luna-one", GOOD, name="one")
    site.install("luna-two", GOOD, name="two")
    hooks = site.hooks(machine_settings({"LUNA_DISABLE_PLUGINS": "one,luna-two"}))
    assert {status for status, _ in site.status(hooks).values()} == {"disabled"}


def test_a_plugin_for_another_luna_is_never_imported(site, tmp_path: Path) -> None:
    site.install("luna-old", tattling(tmp_path / "imported"), requires="luna_core<0.1")
    hooks = site.hooks()
    assert hooks.luna_settings() == []
    status, reason = site.status(hooks)["luna-old"]
    assert status == "failed"
    assert reason == f"it needs luna-core<0.1, and this is luna-core {plugins.__version__}"
    assert not (tmp_path / "imported").exists()


def test_a_requirement_that_does_not_apply_is_no_obstacle(site) -> None:
    site.install("luna-good", GOOD, requires='luna-core>99; python_version < "3"')
    assert site.status(site.hooks())["luna-good"][0] == "active"


def test_a_requirement_that_makes_no_sense_costs_only_its_own_plugin(site) -> None:
    site.install("luna-bad", GOOD, requires="luna-core >>> 1")
    site.install("luna-good", GOOD)
    hooks = site.hooks()
    assert "can't be read" in site.status(hooks)["luna-bad"][1]
    assert len(hooks.luna_settings()) == 1


def test_of_two_plugins_of_one_name_the_second_is_refused_and_both_are_named(site, tmp_path: Path) -> None:
    site.install("luna-a", GOOD, name="twin")
    site.install("luna-b", tattling(tmp_path / "imported"), name="twin")
    hooks = site.hooks()
    assert len(hooks.luna_settings()) == 1
    status = site.status(hooks)
    assert status["luna-a"] == ("active", "")
    assert status["luna-b"] == ("failed", "luna-a 1.2 and luna-b 1.2 both provide 'twin'; the first is used")
    assert not (tmp_path / "imported").exists()


def test_a_disabled_plugin_leaves_its_name_to_another(site) -> None:
    site.install("luna-a", GOOD, name="twin")
    site.install("luna-b", GOOD, name="twin")
    hooks = site.hooks(MachineSettings(disabled_plugins=frozenset({"luna-a"})))
    assert {name: status for name, (status, _) in site.status(hooks).items()} == {
        "luna-a": "disabled",
        "luna-b": "active",
    }


def test_an_entry_point_must_name_a_module(site) -> None:
    site.install("luna-bad", GOOD, target="luna_bad:luna_settings")
    status, reason = site.status(site.hooks())["luna-bad"]
    assert (status, reason) == ("failed", "TypeError: luna_bad:luna_settings is a function; accepted is a module")


def test_the_developer_of_a_plugin_sees_its_exception(site) -> None:
    site.install("luna-bad", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        site.hooks(machine_settings({"LUNA_DEBUG": "1"})).luna_settings()
    site.install("luna-worse", "@hookimpl\ndef luna_setings(): pass")
    with pytest.raises(PluginError, match="luna_settings meant"):
        site.hooks(MachineSettings(debug=True, disabled_plugins=frozenset({"luna-bad"}))).luna_settings()


class TestDropIns:
    @pytest.fixture
    def directory(self, luna_settings: MachineSettings, monkeypatch: pytest.MonkeyPatch) -> Path:
        # Only root can make root's files; for anybody else the test's own files stand for them.
        monkeypatch.setattr(plugins, "TRUSTED_UID", os.getuid())
        luna_settings.plugin_directory.mkdir(mode=0o755)
        return luna_settings.plugin_directory

    def found(self, luna_settings: MachineSettings) -> tuple[Plugins, list[str]]:
        settings = replace(luna_settings, no_plugins=False)
        dropped = Plugins(settings, plugins.drop_ins(settings.plugin_directory))
        return dropped, sorted(dropped.modules)

    def drop(self, directory: Path, name: str, source: str = "VALUE = 7\n") -> Path:
        path = directory / name
        path.write_text(source)
        path.chmod(0o644)
        return path

    def test_a_file_is_a_plugin(self, directory: Path, luna_settings: MachineSettings) -> None:
        self.drop(directory, "house.py")
        found, names = self.found(luna_settings)
        assert names == ["house"]
        assert found.modules["house"].VALUE == 7
        assert found.records[0].kind == "drop-in"
        assert [path.name for path in directory.iterdir()] == ["house.py"]

    def test_other_files_are_none(self, directory: Path, luna_settings: MachineSettings) -> None:
        self.drop(directory, "notes.txt")
        self.drop(directory, ".house.py")
        assert self.found(luna_settings)[0].records == ()

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_a_file_that_others_can_write_is_refused(
        self, directory: Path, luna_settings: MachineSettings, mode: int
    ) -> None:
        self.drop(directory, "house.py", "raise SystemExit").chmod(mode)
        found, names = self.found(luna_settings)
        assert names == []
        assert f"has mode {mode:o}" in found.records[0].reason

    def test_a_file_of_another_user_is_refused(
        self, directory: Path, luna_settings: MachineSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self.drop(directory, "house.py")
        if os.getuid() == 0:
            os.chown(path, 65534, -1)
        else:
            monkeypatch.setattr(plugins, "TRUSTED_UID", 0)
        found, names = self.found(luna_settings)
        assert names == []
        assert "belongs to user" in found.records[0].reason

    def test_a_directory_that_others_can_write_is_refused(
        self, directory: Path, luna_settings: MachineSettings
    ) -> None:
        self.drop(directory, "house.py")
        directory.chmod(0o777)
        found, names = self.found(luna_settings)
        assert names == []
        assert str(directory) in found.records[0].reason

    def test_a_link_is_refused(self, directory: Path, luna_settings: MachineSettings, tmp_path: Path) -> None:
        (directory / "house.py").symlink_to(self.drop(tmp_path, "elsewhere.py"))
        found, names = self.found(luna_settings)
        assert names == []
        assert "symbolic link" in found.records[0].reason

    def test_a_broken_file_costs_no_other_anything(self, directory: Path, luna_settings: MachineSettings) -> None:
        self.drop(directory, "bad.py", "import nonexistent_library")
        self.drop(directory, "good.py")
        found, names = self.found(luna_settings)
        assert names == ["good"]
        assert "nonexistent_library" in found.records[0].reason

    def test_a_disabled_file_is_never_run(self, directory: Path, luna_settings: MachineSettings) -> None:
        self.drop(directory, "house.py", f"open({str(directory / 'imported')!r}, 'w')")
        _, names = self.found(replace(luna_settings, disabled_plugins=frozenset({"house"})))
        assert names == []
        assert not (directory / "imported").exists()
