"""A tree that dnf has built boots over the network and comes to a login, with its RPM database as it was.

It is the lab's Debian, packed into RPM packages, with NetworkManager and rpm: see the README for what that proves.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from luna_core.run import run
from luna_lab.controller import GROUP, Controller
from luna_lab.demo import boot_all, prove
from luna_lab.lab import Lab
from luna_lab.tree import debian_tree

pytestmark = pytest.mark.timeout(3600)
BOOT_WITHIN_S = 1500.0
IMAGE = "el9"
SPEC = Path(__file__).parent / "specs/boot/boot.spec"
OS_RELEASE = 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
# As in RHEL's openssh-server, which makes host keys at each boot that finds none.
KEYGEN = """\
[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
"""
# By luna, by its example plugin where that is installed (the motd), and by a first boot.
WRITTEN = (
    "/etc/ssh",
    "/etc/machine-id",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/motd",
    "/var/",
    "/root",
)


def libraries_of(program: Path, directory: Path) -> list[Path]:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(directory)}
    said = subprocess.run(["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
    return [Path(word) for word in said.split() if word.startswith("/")]


def lay_over(extra: Path, tree: Path, readers: Path) -> None:
    """Fill `extra` with what the Debian tree lacks: NetworkManager and rpm with their libraries, units, a name."""
    run(["cp", "-a", f"{readers}/usr", f"{readers}/etc", extra])
    units = extra / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for unit in (readers / "lib/systemd/system").glob("N*.service"):
        shutil.copy(unit, units)
    shutil.copy("/usr/bin/rpm", extra / "usr/bin")
    shutil.copytree("/usr/lib/rpm", extra / "usr/lib/rpm", symlinks=True)
    libraries = next(extra.glob("usr/lib/*-linux-gnu"))
    for program in ("usr/sbin/NetworkManager", "usr/bin/nmcli", "usr/bin/rpm"):
        for library in libraries_of(extra / program, libraries):
            if not any((place / library.name).exists() for place in (libraries, tree / libraries.relative_to(extra))):
                shutil.copy(library, libraries)
    (extra / "usr/lib/os-release").write_text(OS_RELEASE)
    (extra / "etc/rpm").mkdir()
    (extra / "etc/rpm/macros").write_text("%_dbpath /var/lib/rpm\n")
    (units / "sshd-keygen.service").write_text(KEYGEN)
    wanted = extra / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir(parents=True)
    for name in ("NetworkManager.service", "sshd-keygen.service"):
        (wanted / name).symlink_to(f"/usr/lib/systemd/system/{name}")


@pytest.fixture(scope="module")
def repository(readers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's Debian as packages."""
    work = tmp_path_factory.mktemp("boot")
    tree = debian_tree()
    (work / "extra").mkdir()
    lay_over(work / "extra", tree, readers)
    (kernel,) = (path.name for path in (tree / "usr/lib/modules").iterdir())
    macros = {
        **{"_topdir": f"{work}/build", "_rpmdir": f"{work}/repository", "_binary_payload": "w.ufdio"},
        **{"_build_id_links": "none", "__os_install_post": "%{nil}"},
        **{"tree": str(tree), "extra": f"{work}/extra", "kernel": kernel},
    }
    words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    run(["rpmbuild", "-bb", "--quiet", "--target", "x86_64", *words, SPEC], environment={"HOME": str(work)})
    shutil.rmtree(work / "build")
    run(["createrepo_c", "--quiet", work / "repository"])
    return work / "repository"


@pytest.fixture(scope="module")
def controller(repository: Path) -> Iterator[Controller]:
    with Lab(memory_mb=1024) as lab:
        controller = Controller(lab)
        options = {"repositories": repository, "gpg_check": "no", "release": "9.4"}
        words = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
        controller.luna("osimage", "build", IMAGE, "--distro", "rhel", *words)
        controller.luna("osimage", "pack", IMAGE)
        controller.luna("group", "change", GROUP, "--osimage", IMAGE)
        controller.serve()
        boot_all(controller, lab.machines, BOOT_WITHIN_S)
        yield controller


def test_the_node_is_itself_and_runs_without_failed_units(controller: Controller) -> None:
    lab = controller.lab
    prove(lab, lab.machines[0])
    assert "Rocky Linux" in lab.on_node(lab.machines[0], "cat /etc/os-release")


def test_networkmanager_has_its_network(controller: Controller) -> None:
    lab = controller.lab
    said = lab.on_node(lab.machines[0], "nmcli --terse --fields NAME,DEVICE,STATE connection show --active")
    assert "luna-boot0:boot0:activated" in said


def test_rpm_finds_nothing_changed_but_what_was_written_since(controller: Controller) -> None:
    lab = controller.lab
    said = lab.on_node(lab.machines[0], "rpm --verify --all || :", timeout_s=BOOT_WITHIN_S)
    changed = [line for line in said.splitlines() if not line.split()[-1].startswith(WRITTEN)]
    assert changed == [], "\n".join(changed)
    assert "kernel-core" in lab.on_node(lab.machines[0], "rpm -qa")
