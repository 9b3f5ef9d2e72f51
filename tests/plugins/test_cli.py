"""`luna plugin`, as an administrator uses it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from luna_core import plugins
from luna_core.cli.plugin import plugin
from luna_core.errors import AlreadyExists, BadInput, LunaError, NotFound
from luna_core.testing.command_line import Outcome, run_luna

GOOD = """
@hookimpl
def luna_settings(): return [t.Setting(name="good.one", default=1, help="One.")]
@hookimpl
def luna_commands(): return [t.Command(name="good", load="luna_good:luna_settings", help="Good.")]
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(tmp_path / "plugins"))
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def luna(*words: str | Path) -> Result:
    result = CliRunner().invoke(plugin, [str(word) for word in words])
    if isinstance(result.exception, LunaError):
        raise result.exception
    return result


def listed(*words: str) -> dict[str, dict[str, object]]:
    return {row["distribution"]: row for row in json.loads(luna(*words, "-o", "json").stdout)}


def test_the_list_has_plugins_drop_ins_and_drivers_with_the_reason_of_a_failure(
    site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("luna-good", GOOD, name="good")
    site.install("luna-bad", "@hookimpl\ndef luna_setings(): pass", name="bad")
    site.install("luna-bmc-bad", "import nonexistent_library", group="luna.bmc", name="bad")
    (tmp_path / "plugins").mkdir(mode=0o755)
    (tmp_path / "plugins/house.py").write_text("raise SystemExit")
    (tmp_path / "plugins/house.py").chmod(0o666)
    monkeypatch.setenv("LUNA_DISABLE_PLUGINS", "luna-off")
    site.install("luna-off", GOOD, name="off")

    rows = listed("list")
    columns = ("name", "kind", "version", "status")
    assert [rows["luna-good"][column] for column in columns] == ["good", "plugin", "1.2", "active"]
    assert [rows["luna-bad"][column] for column in columns] == ["bad", "plugin", "1.2", "failed"]
    assert rows["luna-bad"]["reason"] == "luna_setings is no hook of luna; is luna_settings meant?"
    assert [rows["luna-bmc-bad"][column] for column in columns] == ["bad", "bmc", "1.2", "failed"]
    assert "nonexistent_library" in str(rows["luna-bmc-bad"]["reason"])
    assert [rows[""][column] for column in columns] == ["house", "drop-in", "", "failed"]
    assert rows["luna-off"]["status"] == "disabled"


def test_the_list_is_a_table_for_people(site) -> None:
    site.install("luna-good", GOOD, name="good")
    header, *rows = luna("list").stdout.splitlines()
    assert header.split() == ["NAME", "KIND", "DISTRIBUTION", "VERSION", "STATUS", "REASON"]
    assert ["good", "plugin", "luna-good", "1.2", "active", "-"] in [row.split() for row in rows]


def test_info_tells_what_a_plugin_contributes(site) -> None:
    site.install("luna-good", GOOD, name="good")
    shown = listed("info", "good")["luna-good"]
    assert shown["hooks"] == ["luna_commands", "luna_settings"]
    assert (shown["commands"], shown["settings"]) == (["good"], ["good.one"])
    assert "luna_commands,luna_settings" in luna("info", "good").stdout


def test_info_of_a_distribution_shows_its_drivers() -> None:
    assert "bmc fake" in listed("info", "luna-core")["luna-core"]["drivers"]


def test_an_unknown_name_is_wrong_usage_with_a_hint(site) -> None:
    site.install("luna-good", GOOD, name="good")
    with pytest.raises(NotFound, match="Did you mean good"):
        luna("info", "goood")


class TestCheck:
    def test_a_sound_plugin_passes(self, site) -> None:
        site.install("luna-good", GOOD.split("@hookimpl\ndef luna_commands")[0], name="good")
        result = luna("check", "good")
        assert result.exit_code == 0
        assert "FAILED" not in result.stdout
        assert result.stdout.startswith("good (plugin luna-good 1.2)\n  ok      It is imported")

    def test_a_fault_fails_and_says_where(self, site) -> None:
        site.install("luna-good", GOOD, name="good")
        result = CliRunner().invoke(plugin, ["check", "good"])
        assert isinstance(result.exception, LunaError)
        assert result.exception.exit_status == 1
        assert "FAILED  Each command has a help" in result.stdout
        assert "command good: luna_good:luna_settings is <function" in result.stdout

    def test_what_can_not_be_loaded_is_not_checked_further(self, site) -> None:
        site.install("luna-bad", "import nonexistent_library", name="bad")
        result = CliRunner().invoke(plugin, ["check", "bad"])
        assert result.exception
        assert "nonexistent_library" in result.stdout
        assert len(result.stdout.splitlines()) == 3

    def test_a_disabled_plugin_can_be_checked(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.install("luna-good", GOOD.split("@hookimpl\ndef luna_commands")[0], name="good")
        monkeypatch.setenv("LUNA_DISABLE_PLUGINS", "good")
        assert luna("check", "good").exit_code == 0

    def test_a_driver_is_imported_and_complete(self, site) -> None:
        site.install("luna-bmc-bad", "Driver = 1", group="luna.bmc", name="bad", target="luna_bmc_bad:Driver")
        result = CliRunner().invoke(plugin, ["check", "bad"])
        assert result.exception
        assert "no subclass of PowerDriver" in result.stdout

    def test_a_file_is_checked_before_it_is_dropped_in(self, tmp_path: Path) -> None:
        file = tmp_path / "house.py"
        file.write_text("from luna_core.hookspecs import hookimpl\n@hookimpl\ndef luna_discover(macs): return []\n")
        file.chmod(0o666)
        assert luna("check", "house.py").exit_code == 0
        assert luna("check", file).exit_code == 0

    def test_a_file_that_was_dropped_in_must_be_trusted_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plugins, "TRUSTED_UID", tmp_path.stat().st_uid)
        (tmp_path / "plugins").mkdir(mode=0o755)
        file = tmp_path / "plugins/house.py"
        file.write_text("from luna_core.hookspecs import hookimpl\n@hookimpl\ndef luna_discover(macs): return []\n")
        file.chmod(0o666)
        result = CliRunner().invoke(plugin, ["check", str(file)])
        assert result.exception
        assert "has mode 666" in result.stdout

    def test_a_file_that_is_not_there_is_wrong_usage(self) -> None:
        with pytest.raises(BadInput, match=r"nowhere\.py is no file"):
            luna("check", "nowhere.py")


class TestNew:
    def test_it_says_what_to_do_next(self, tmp_path: Path) -> None:
        assert "cd luna-bmc-lamp" in luna("new", "lamp", "--kind", "bmc").stdout
        assert (tmp_path / "luna-bmc-lamp/pyproject.toml").is_file()

    @pytest.mark.parametrize("name", ["Lamp", "1lamp", "la_mp", "lamp-", "../lamp", ""])
    def test_a_name_that_can_not_be_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(BadInput, match="plugin name"):
            luna("new", name)
        assert list(tmp_path.glob("luna-*")) == []

    def test_nothing_is_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/notes").write_text("precious")
        with pytest.raises(AlreadyExists, match="mine exists"):
            luna("new", "lamp", "--directory", "mine")
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


class TestCommandOfAPlugin:
    """`luna good` is the plugin's own, and so are its faults."""

    def run(self, site, body: str, monkeypatch: pytest.MonkeyPatch, load: str = "luna_good:good") -> Outcome:
        command = f"import click\n@click.command()\ndef good():\n    {body}\n"
        hook = f"@hookimpl\ndef luna_commands(): return [t.Command(name='good', load='{load}', help='Good.')]\n"
        site.install("luna-good", command + hook, name="good")
        monkeypatch.delenv("LUNA_DEBUG", raising=False)
        return run_luna(["good"])

    def test_it_runs(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.run(site, "click.echo('works')", monkeypatch) == Outcome(0, "works\n", "")

    def test_what_it_did_not_foresee_names_the_plugin_and_not_luna(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.run(site, "raise ValueError('no')", monkeypatch)
        assert (done.status, done.out) == (1, "")
        assert "Plugin 'good' failed in its command: ValueError('no')" in done.err
        assert "LUNA_DEBUG=1" in done.err

    def test_a_full_disk_is_no_fault_of_it(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.run(site, "with open('/dev/full', 'wb', 0) as log: log.write(b'x')", monkeypatch)
        assert (done.status, done.err) == (1, "luna: No space left on device.\n")

    def test_its_own_sentences_and_exit_status_stay(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.run(site, "raise click.ClickException('No licence.')", monkeypatch)
        assert (done.status, done.err) == (1, "Error: No licence.\n")

    def test_one_that_is_not_there_names_the_plugin(self, site, monkeypatch: pytest.MonkeyPatch) -> None:
        done = self.run(site, "pass", monkeypatch, load="luna_nowhere:good")
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("luna: Plugin 'good': the command can't be loaded from luna_nowhere:good")
