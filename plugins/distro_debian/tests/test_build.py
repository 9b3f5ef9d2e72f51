"""What is built, and what is refused before anything is."""

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import BadInput, CommandFailed
from luna_core.run import run, run_contained
from luna_core.testing import facts
from luna_distro_debian import build
from luna_distro_debian.driver import Debian

pytestmark = pytest.mark.timeout(1200)


def image(path: Path, options: dict[str, str], **settings: Any) -> Any:
    made = facts.image(path, settings={name.replace("_", ".", 1): value for name, value in settings.items()})
    object.__setattr__(made, "options", options)
    return made


def test_a_build_holds_what_was_asked_for(debian_tree: Path) -> None:
    installed = dict(Debian().installed_packages(debian_tree))
    assert installed["luna-test-site"] == "1.0"
    assert {"systemd-sysv", "openssh-server", "dracut", "locales"} <= installed.keys()
    assert not list((debian_tree / "usr/share/doc").glob("*/*"))
    listing = run(["dpkg-query", f"--root={debian_tree}", "--show", "--showformat=${db:Status-Status} ${Package}\n"])
    assert sorted(installed) == sorted({line.split()[1] for line in listing.splitlines() if line.startswith("inst")})


def test_a_build_holds_nothing_of_the_controller(debian_tree: Path) -> None:
    """Neither how its apt reaches archives, which may take a password, nor its name and resolver."""
    configured = run(["apt-config", "dump"]).splitlines()
    own = {line for line in configured if line.startswith(("Acquire::http", "Acquire::Check-"))}
    held = "".join(path.read_text() for path in (debian_tree / "etc/apt/apt.conf.d").iterdir())
    assert not [line for line in own if line in held]
    assert not (debian_tree / "etc/hostname").exists()
    assert not (debian_tree / "etc/resolv.conf").exists()
    assert not subprocess.run(["findmnt", "-rn", "-o", "TARGET"], capture_output=True, text=True).stdout.count(
        str(debian_tree)
    )


def test_the_steps_are_told_and_a_failure_has_the_last_lines(tmp_path: Path) -> None:
    told: list[str] = []
    tree = tmp_path / "tree"
    tree.mkdir()
    with pytest.raises(CommandFailed, match=r"mmdebstrap exited with status .*\n(.*\n)*.*no-such-package"):
        Debian().build(image(tree, {"release": "bookworm"}), tree, ["no-such-package"], told.append)
    assert told[0] == "installing bookworm with 1 packages and what they need"
    assert "running apt-get update" in told


def test_trixie_can_be_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    (tree / "etc/apt/apt.conf.d").mkdir(parents=True)
    told: list[str] = []

    def simulate(command: Any, tell: Any) -> None:
        run_contained([command[0], "--simulate", *command[1:-2], tmp_path / "there", *command[-1:]], told.append)

    monkeypatch.setattr(build, "run_contained", simulate)
    wanted = image(tree, {"release": "trixie"})
    distro = Debian()
    distro.build(wanted, tree, distro.boot_packages(wanted), told.append)
    assert told[-1].startswith("I: success")
    with pytest.raises(CommandFailed):
        distro.build(wanted, tree, ["no-such-package"], told.append)


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        ({"release": "noble"}, {}, "mirror: none was given; Ubuntu needs one"),
        ({"release": "book worm"}, {}, "release: 'book worm' was given; accepted is a plain word"),
        ({"release": "--hook-dir=/x"}, {}, "accepted is a plain word"),
        ({"components": "main,con trib"}, {}, "components: 'main,con trib' was given"),
        ({"relase": "trixie"}, {}, "relase: there is no such option; accepted are release, mirror"),
        ({}, {"debian_repositories": ("http://x y main",)}, "accepted is a line as in 'deb URL SUITE main'"),
        ({}, {"debian_repositories": ("deb [signed-by=/no/key] http://x y main",)}, "/no/key does not exist"),
    ],
)
def test_bad_options_are_refused_by_name(tmp_path: Path, options: Any, settings: Any, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        Debian().build(image(tmp_path, options, **settings), tmp_path, [], print)
    assert said in str(refused.value)


def test_packages_depend_on_the_release_and_the_settings(tmp_path: Path) -> None:
    def packages(options: dict[str, str], **settings: Any) -> set[str]:
        return set(Debian().boot_packages(image(tmp_path, options, **settings)))

    own = run(["dpkg", "--print-architecture"]).strip()
    assert f"linux-image-{own}" in packages({})
    assert "python3" not in packages({"architecture": own})
    other = "amd64" if own == "arm64" else "arm64"
    assert {f"linux-image-{other}", "python3"} <= packages({"architecture": other})
    assert {f"linux-image-{other}", "python3"} <= packages({}, debian_architecture=other)
    assert "linux-image-generic" in packages({"release": "noble"})
    assert "linux-image-rt-amd64" in packages({"kernel": "linux-image-rt-amd64"})
    assert "locales" not in packages({})
    assert "locales" in packages({}, debian_locale="de_DE.UTF-8")


def test_a_tree_is_built_for_the_architecture_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[Any] = []
    (tmp_path / "etc/apt/apt.conf.d").mkdir(parents=True)
    monkeypatch.setattr(build, "run_contained", lambda command, tell: commands.append(command))
    Debian().build(image(tmp_path, {"architecture": "arm64"}), tmp_path, ["hello"], print)
    Debian().build(image(tmp_path, {}), tmp_path, ["hello"], print)
    own = run(["dpkg", "--print-architecture"]).strip()
    assert ["--architectures=arm64" in commands[0], f"--architectures={own}" in commands[1]] == [True, True]


@pytest.mark.parametrize(
    ("options", "components"),
    [({}, "main,universe"), ({"components": "main"}, "main")],
)
def test_ubuntu_is_built_from_its_mirror_and_found_where_it_keeps_dracut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], components: str
) -> None:
    commands: list[Any] = []
    (tmp_path / "etc/apt/apt.conf.d").mkdir(parents=True)
    monkeypatch.setattr(build, "run_contained", lambda command, tell: commands.append(command))
    given = {"release": "noble", "mirror": "http://ubuntu.example.org/ubuntu", **options}
    distro = Debian()
    wanted = image(tmp_path, given)
    distro.build(wanted, tmp_path, distro.boot_packages(wanted), print)
    (command,) = commands
    assert command[-3:] == ["noble", tmp_path, "http://ubuntu.example.org/ubuntu"]
    assert f"--components={components}" in command
    assert "linux-image-generic" in next(word for word in command if str(word).startswith("--include="))


@pytest.mark.parametrize(
    ("release", "is_known"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', True),
        ("ID=debian\nVERSION_ID=12\n", True),
        ('ID=rocky\nID_LIKE="rhel centos fedora"\n', False),
    ],
)
def test_debian_and_what_is_like_it_is_recognised(tmp_path: Path, release: str, is_known: bool) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release)
    assert Debian().recognises(tmp_path) is is_known


def test_kernels_are_sorted_as_debian_sorts_versions(tmp_path: Path) -> None:
    releases = ["6.1.0-9-amd64", "6.12.0-1-amd64", "6.1.0-50-amd64", "6.12.0~rc1-1-amd64", "6.1.0-50-rt-amd64"]
    (tmp_path / "boot").mkdir()
    for release in [*releases, "6.99.0-without-modules"]:
        (tmp_path / f"boot/vmlinuz-{release}").touch()
    for release in releases:
        (tmp_path / f"usr/lib/modules/{release}").mkdir(parents=True)
    found = [kernel.release for kernel in Debian().kernels(tmp_path)]
    assert sorted(found) == sorted(releases)
    for newer, older in pairwise(found):
        assert run(["dpkg", "--compare-versions", newer, "gt", older]) == ""
