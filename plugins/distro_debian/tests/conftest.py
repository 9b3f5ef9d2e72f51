"""A Debian that the driver itself has built, made once and kept, and Debian's own readers of network configurations."""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.network_config import address, network, node_with, write_files
from luna_core.types import Image, Interface, Node, NodeFile
from luna_distro_debian import build
from luna_distro_debian.driver import Debian

CACHE = Path("/var/cache/luna-tests")
SITE_PACKAGE = "luna-test-site"
READERS = ("netplan.io", "libnetplan0 | libnetplan1", "ifupdown")
# A build, on a machine that has other things to do.
PATIENCE_S = 1200


def image(path: Path, options: dict[str, str] | None = None, **settings: Any) -> Image:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return replace(facts.image(path, settings=named, distro="debian"), options=options or {})


@contextmanager
def made_once(name: str, *inputs: str) -> Any:
    """A directory that is kept until what it is made of changes; the caller fills it if it is not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:12]
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE / f"{name}-{key}"


@pytest.fixture(scope="session")
def debian_tree() -> Path:
    """A minimal bookworm with a kernel, a compiled locale and a package of a repository of the site's own.

    Tests look at it and leave it as it is.
    """
    release = {"release": "bookworm", "kernel": "linux-image-cloud-amd64"}
    with made_once("debian", str(release), Path(build.__file__).read_text()) as place:
        if not place.exists():
            run(["rm", "-rf", "--one-file-system", f"{place}.partial"])
            tree = Path(f"{place}.partial")
            tree.mkdir()
            repository = make_repository(CACHE / "repository")
            wanted = image(
                tree, release, debian_locale="en_US.UTF-8", debian_repositories=(f"deb [trusted=yes] {repository} ./",)
            )
            distro = Debian()
            distro.build(wanted, tree, [*distro.boot_packages(wanted), SITE_PACKAGE], print)
            tree.rename(place)
        return Path(place)


def make_repository(directory: Path) -> str:
    """A repository with one package, as a URL."""
    content = directory / "content/DEBIAN"
    content.mkdir(parents=True, exist_ok=True)
    fields = f"Package: {SITE_PACKAGE}\nVersion: 1.0\nArchitecture: all\nMaintainer: a test\nDescription: a test\n"
    (content / "control").write_text(fields)
    package = directory / "site.deb"
    run(["dpkg-deb", "--root-owner-group", "--build", content.parent, package])
    data = package.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    (directory / "Packages").write_text(f"{fields}Filename: ./site.deb\nSize: {len(data)}\nSHA256: {digest}\n")
    return f"copy://{directory}"


@dataclass(frozen=True)
class Readers:
    """Netplan and ifupdown, unpacked beside the system and not installed."""

    root: Path

    def run(self, program: str, *arguments: str | Path) -> str:
        libraries = next(self.root.glob("usr/lib/*-linux-gnu"))
        done = subprocess.run(
            [self.root / program, *arguments],
            env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def readers() -> Readers:
    with made_once("readers", *READERS) as place:
        if not place.exists():
            partial = Path(f"{place}.partial")
            run(["rm", "-rf", partial])
            partial.mkdir()
            for alternatives in READERS:
                _download(partial, alternatives.split(" | "))
            partial.rename(place)
        return Readers(Path(place))


def _download(directory: Path, alternatives: Sequence[str]) -> None:
    known = run(["apt-cache", "pkgnames"]).split()
    name = next(one for one in alternatives if one in known)
    run(["apt-get", "-o", "APT::Sandbox::User=root", "download", name], directory=directory)
    (archive,) = directory.glob("*.deb")
    run(["dpkg", "-x", archive, directory])
    archive.unlink()


@pytest.fixture
def node() -> Callable[..., Node]:
    """A node with these interfaces."""
    return node_with


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Sequence[NodeFile]], Path]:
    """Writes files below a new root."""
    return lambda files: write_files(tmp_path / "root", files)


@pytest.fixture
def sample() -> dict[str, Interface]:
    """Interfaces of all kinds, by what is to be seen of them."""
    storage, service = network("storage", vlan=30), network("service", servers=("10.9.0.1",))
    mac = "52:54:00:00:00:01"
    return {
        "plain": Interface(
            name="BOOTIF",
            mac=mac,
            addresses=(address("10.141.0.1/16", "10.141.255.254"), address("fd00:141::1/64", "fd00:141::ff")),
        ),
        "second": Interface(name="eth1", addresses=(address("10.9.0.7/16", "10.9.255.254", service),), mtu=9000),
        "dhcp": Interface(name="BOOTIF", mac=mac, dhcp=True, mtu=1400),
        "left": Interface(name="eth2"),
        "right": Interface(name="eth3"),
        "bond": Interface(name="bond0", type="bond", members=("eth2", "eth3"), bond_mode="802.3ad", mtu=9000),
        "vlan": Interface(
            name="vlan20", type="vlan", vlan=20, parent="bond0", addresses=(address("10.20.0.1/16", None, service),)
        ),
        "tagged": Interface(name="eth4", addresses=(address("10.30.0.1/16", None, storage),)),
        "bridge": Interface(name="br0", type="bridge", members=("eth2",), addresses=(address("10.40.0.1/16"),)),
    }
