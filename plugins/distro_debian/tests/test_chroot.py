"""`luna osimage chroot` on a real Debian: apt and dpkg at work in it, also when they are killed in the middle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from luna_core.run import run

pytestmark = pytest.mark.timeout(1200)
LUNA = str(Path(sys.executable).with_name("luna"))
PATIENCE_S = 300
CONTROL = """Package: luna-test-slow
Version: 1.0
Architecture: all
Maintainer: a test
Description: a package whose first installation hangs
"""
POSTINST = """#!/bin/sh
set -e
invoke-rc.d slow start
if mkdir /first; then
    echo configuring
    while :; do read -r line < /proc/uptime; done
fi
"""
DAEMON = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: slow\n### END INIT INFO\n: > /started\n"


@pytest.fixture
def tree(debian_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tree of an osimage `debian`, which tests may change."""
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE", "LUNA_NO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    tree = tmp_path / "tree"
    run(["cp", "-a", "--reflink=auto", debian_tree, tree])
    run([LUNA, "cluster", "init", "--frontend-address", "10.141.255.254"])
    run([LUNA, "osimage", "add", "debian", "--distro", "debian", "--path", tree])
    return tree


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory with a package that starts a daemon, and hangs while it is configured for the first time."""
    content = tmp_path / "content"
    for path, text, mode in (
        ("DEBIAN/control", CONTROL, 0o644),
        ("DEBIAN/postinst", POSTINST, 0o755),
        ("etc/init.d/slow", DAEMON, 0o755),
    ):
        (content / path).parent.mkdir(parents=True, exist_ok=True)
        (content / path).write_text(text)
        (content / path).chmod(mode)
    (tmp_path / "packages").mkdir()
    run(["dpkg-deb", "--root-owner-group", "--build", content, tmp_path / "packages/slow.deb"])
    return tmp_path / "packages"


@pytest.fixture
def installing(tree: Path, package: Path) -> Iterator["subprocess.Popen[str]"]:
    """An installation that has come to the middle."""
    words = ["--bind", f"{package}:/mnt", "--", "apt-get", "install", "--yes", "/mnt/slow.deb"]
    with subprocess.Popen(
        [LUNA, "osimage", "chroot", "debian", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "configuring\n":
                break
        assert said[-1] == "configuring\n", "".join(said)
        yield process
        process.kill()


def inside(*words: str) -> str:
    return run([LUNA, "osimage", "chroot", "debian", "--", *words], timeout_s=PATIENCE_S)


def test_killed_in_the_middle_of_an_installation_the_next_one_finishes_it(
    tree: Path, installing: "subprocess.Popen[str]"
) -> None:
    installing.kill()
    installing.wait(PATIENCE_S)
    inside("dpkg", "--configure", "--pending")
    assert inside("dpkg-query", "--show", "--showformat=${Status}", "luna-test-slow") == "install ok installed"
    mounts = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert not [place for place in mounts if place.is_relative_to(tree)]
    assert (tree / "first").is_dir()
    assert "policy-rc.d denied execution of start" in inside("sh", "-c", "invoke-rc.d slow start 2>&1")
    assert not (tree / "started").exists()
    assert not (tree / "usr/sbin/policy-rc.d").exists()


def test_set_user_id_programs_work_and_see_the_images_kernel(tree: Path) -> None:
    (release,) = (path.name for path in (tree / "usr/lib/modules").iterdir())
    assert release != os.uname().release
    inside("sh", "-c", "cp /usr/bin/uname /usr/bin/id /usr/local/bin/ && chmod u+s /usr/local/bin/*")
    nobody = ("setpriv", "--reuid=65534", "--clear-groups")
    assert inside(*nobody, "/usr/local/bin/id", "-u").strip() == "0"
    assert inside(*nobody, "/usr/local/bin/uname", "-r").strip() == release
