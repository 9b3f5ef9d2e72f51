"""An RPM repository that the tests make themselves, a tree that the driver has built of it, and NetworkManager."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.debian_packages import unpacked
from luna_core.types import Image
from luna_distro_rhel.driver import Rhel

HERE = Path(__file__).parent
READERS = ("network-manager", "libnm0", "libndp0", "libjansson4", "libpsl5", "policycoreutils", "libaudit1")
RPMBUILD = {
    "_binary_payload": "w1.gzdio",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",
    "_buildhost": "test",
}


@dataclass(frozen=True)
class Repository:
    """A directory with repodata, the key that signs its packages, and another that doesn't."""

    directory: Path
    key: Path
    other_key: Path


def image(path: Path, options: dict[str, str] | None = None, **settings: Any) -> Image:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return replace(facts.image(path, settings=named, distro="rhel"), options=options or {})


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """What a RHEL 9 consists of, by name, with one file each; module streams, a group, and signatures."""
    work = tmp_path_factory.mktemp("rpm")
    home = work / "home"
    home.mkdir(mode=0o700)
    keys = [make_key(home, name) for name in ("mine", "other")]
    made = work / "repository"
    for spec in sorted((HERE / "specs").glob("*.spec")):
        build_packages(spec, made, work)
    packages = sorted(made.rglob("*.rpm"))
    signer = ["rpmsign", "--define", "_gpg_name mine", "--define", f"__gpg {shutil.which('gpg')}"]
    run([*signer, "--addsign", *packages], environment={"HOME": str(home)})
    run(["createrepo_c", "--quiet", "--groupfile", HERE / "specs/comps.xml", made])
    run(["modifyrepo_c", HERE / "specs/modules.yaml", made / "repodata"])
    return Repository(made, *keys)


def build_packages(spec: Path, into: Path, work: Path, **macros: str) -> None:
    """Binary packages of a spec file, without what the machine's own configuration of rpmbuild would add."""
    defined = {**RPMBUILD, **macros, "_topdir": str(work / "build"), "_rpmdir": str(into)}
    words = [word for name, value in defined.items() for word in ("--define", f"{name} {value}")]
    run(["rpmbuild", "-bb", "--quiet", "--target", "x86_64", *words, spec], environment={"HOME": str(work)})


def make_key(home: Path, name: str) -> Path:
    environment = {"HOME": str(home), "GNUPGHOME": str(home / ".gnupg")}
    (home / ".gnupg").mkdir(mode=0o700, exist_ok=True)
    run(
        ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name, "rsa2048", "sign"],
        environment=environment,
    )
    file = home / f"{name}.asc"
    file.write_text(run(["gpg", "--armor", "--export", name], environment=environment))
    run(["gpgconf", "--kill", "all"], environment=environment)
    return file


@pytest.fixture(scope="session")
def rhel_tree(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that the driver built of the repository. Tests look at it and leave it as it is."""
    tree = tmp_path_factory.mktemp("rhel") / "tree"
    tree.mkdir()
    wanted = image(
        tree,
        {
            "release": "9.4",
            "repositories": str(repository.directory),
            "gpg_keys": str(repository.key),
            "modules": "nodejs:20",
            "excludes": "unwanted",
        },
    )
    distro = Rhel()
    further = ("@core", "iputils", "nodejs", "kernel-rt-core", "kernel-debug-core")
    distro.build(wanted, tree, [*distro.boot_packages(wanted), *further], print)
    return tree


@pytest.fixture(scope="session")
def readers() -> Path:
    """NetworkManager and setfiles, unpacked beside the system and not installed."""
    return unpacked("rhel-readers", READERS)
