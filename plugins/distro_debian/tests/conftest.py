"""A Debian that the driver itself has built, made once and kept."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.debian_packages import CACHE, made_once
from luna_core.types import Image
from luna_distro_debian import build
from luna_distro_debian.driver import Debian

SITE_PACKAGE = "luna-test-site"
# A build, on a machine that has other things to do.
PATIENCE_S = 1200


def image(path: Path, options: dict[str, str] | None = None, **settings: Any) -> Image:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return replace(facts.image(path, settings=named, distro="debian"), options=options or {})


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
