"""What `luna services install` would write, and what it refuses."""

import shlex
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from luna_core.errors import BadInput
from luna_core.run import run
from luna_core.services.installation import planned
from luna_core.settings import MachineSettings, machine_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineSettings:
    """Of a machine that has nothing of luna's yet."""
    monkeypatch.setenv("LUNA_CONFIG", str(tmp_path / "etc/luna.toml"))
    return machine_settings({"LUNA_STATE_DIRECTORY": str(tmp_path / "state")})


def files(settings: MachineSettings, parts: list[str] | None = None) -> dict[str, str]:
    return {path.name: text for path, text in planned(settings, user="luna", parts=parts).items()}


def test_a_new_controller_gets_settings_that_keep_the_store_apart(settings: MachineSettings, tmp_path: Path) -> None:
    written = files(settings)
    assert written.keys() == {"luna.toml", "luna.conf", "luna.service"}
    (tmp_path / "luna.toml").write_text(written["luna.toml"])
    read = machine_settings({"LUNA_CONFIG": str(tmp_path / "luna.toml")})
    assert read.state_directory == tmp_path / "state"
    assert read.key_file == tmp_path / "state/store/luna.key"
    assert read.store == f"sqlite://{tmp_path}/state/store/luna.db"


def test_a_configuration_that_is_there_stays(settings: MachineSettings, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/luna.toml").touch()
    apart = replace(settings, key_file=tmp_path / "keys/luna.key", store="mongodb://host/luna")
    assert files(apart, ["dhcp", "lweb"]).keys() == {"luna.conf", "luna@.service", "luna.target"}
    assert "Wants=luna@dhcp.service luna@lweb.service\n" in files(apart, ["dhcp", "lweb"])["luna.target"]


def test_a_store_in_the_state_directory_is_to_be_moved_first(settings: MachineSettings, tmp_path: Path) -> None:
    """The user would own, and could replace, what root runs."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/luna.db").touch()
    with pytest.raises(BadInput, match=r"are in .*/state, which root must own; accepted is a directory of their own"):
        files(settings)
    with pytest.raises(BadInput, match=r"are in .*/etc, which root must own"):
        files(replace(settings, key_file=tmp_path / "etc/luna.key"))


@pytest.mark.parametrize("user", ["", "Luna", "a b", "-x", "x" * 40])
def test_a_user_that_can_t_be(settings: MachineSettings, user: str) -> None:
    with pytest.raises(BadInput, match=r"--user: .* was given; accepted is a name as in luna"):
        planned(settings, user=user, parts=None)


@pytest.mark.parametrize("name", ["with space", "100%", 'quo"te'])
def test_a_path_that_systemd_would_misread(settings: MachineSettings, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"path: .* was given; accepted is"):
        files(replace(settings, state_directory=tmp_path / name, key_file=tmp_path / "key/luna.key"))


def test_what_excludes_another_unit_is_ordered_beside_it(settings: MachineSettings) -> None:
    """Or it would start while the other still stops (systemd.unit(5), Conflicts=)."""
    part = ConfigParser(strict=False)
    part.read_string(files(settings, ["lweb"])["luna@.service"].replace("%", ""))
    assert part["Unit"]["Conflicts"] in part["Unit"]["After"]


@pytest.mark.parametrize(("before", "after"), [("0", "1"), ("2", "2")])
def test_large_frames_may_vanish_though_services_set_nothing_of_the_kernel(
    settings: MachineSettings, before: str, after: str
) -> None:
    """The file server can't do it itself: its /proc/sys is read-only."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(files(settings)["luna.service"])
    assert unit["Service"]["ProtectKernelTunables"] == "yes"
    ignored_and_unconfined, *command = shlex.split(unit["Service"]["ExecStartPre"].replace("-+", "-+ ", 1))
    assert ignored_and_unconfined == "-+"
    place = "/proc/sys/net/ipv4/tcp_mtu_probing"
    script = f"echo {before} > {place} && {shlex.join(command)} && cat {place}"
    assert run(["unshare", "--net", "sh", "-euc", script]) == f"{after}\n"
