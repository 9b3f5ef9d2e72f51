"""A new tree by mmdebstrap(1), which reaches archives as this machine's apt does."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from platform import machine

from luna_core.distro.options import refuse_unknown
from luna_core.errors import BadInput
from luna_core.run import run, run_contained
from luna_core.types import Image, Setting
from luna_distro_debian import settings

UBUNTU = ("focal", "jammy", "noble", "plucky", "questing", "resolute")
OWN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}.get(machine(), machine())
_WORD = re.compile(r"[a-z0-9][a-z0-9+.:/_~-]*", re.IGNORECASE)
_KEPT_APT_SETTINGS = ('Acquire::Languages "none";', 'APT::Install-Recommends "false";')
_NOT_UNPACKED = ("doc", "man", "info", "locale")
_FILE_HOOKS = Path("/usr/share/mmdebstrap/hooks/file-mirror-automount")
_SIGNED_BY = re.compile(r"\bsigned-by=([^\s\],]+)")
_APT_CONFIGURATION = "etc/apt/apt.conf.d/99mmdebstrap"


def build_tree(image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
    """Fill the empty directory `root`. Raises BadInput for a bad option, CommandFailed with mmdebstrap's last lines."""
    refuse_unknown(image, settings.OPTIONS)
    release = option(image, "release", settings.RELEASE)
    repositories = [_checked(line) for line in settings.words(image, settings.REPOSITORIES)]
    command = _command(image, release, root, packages, repositories)
    progress(f"installing {release} with {len(packages)} packages and what they need")
    run_contained(command, lambda line: _tell(line, progress))
    _forget_controller(root)
    for line in repositories:
        _install_key(line, root)


def option(image: Image, name: str, setting: Setting) -> str:
    """An option of the osimage, else the setting; raises BadInput for what is no plain word."""
    value = image.options.get(name) or image.cluster.settings.get(setting.name, setting.default)
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    if text and not all(_WORD.fullmatch(word) for word in text.split(",")):
        raise BadInput(f"osimage {image.name}: options: {name}: {text!r} was given; accepted is a plain word.")
    return text


def architecture(image: Image) -> str:
    """What an image is for, as Debian names it."""
    return option(image, "architecture", settings.ARCHITECTURE) or OWN_ARCHITECTURE


def is_ubuntu(image: Image) -> bool:
    """Whether the release is one of Ubuntu's."""
    return option(image, "release", settings.RELEASE) in UBUNTU


def _command(
    image: Image, release: str, root: Path, packages: Sequence[str], repositories: Sequence[str]
) -> list[str | Path]:
    mirror = option(image, "mirror", settings.MIRROR) or _own_mirror(release)
    if release in UBUNTU and not mirror:
        raise BadInput(f"osimage {image.name}: options: mirror: none was given; Ubuntu needs one.")
    sources = [mirror, *repositories] if mirror else repositories
    needs_mount = any("file:" in source for source in sources)
    components = option(image, "components", settings.COMPONENTS)
    if release in UBUNTU and "components" not in image.options and components == "main":
        # Most releases have dracut there.
        components += ",universe"
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *(f"--aptopt={line}" for line in (*_transport_settings(), *_KEPT_APT_SETTINGS)),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_UNPACKED),
        *([f"--hook-dir={_FILE_HOOKS}"] if needs_mount else []),
        f"--architectures={architecture(image)}",
        f"--components={components}",
        f"--include={','.join(packages)}",
        release,
        root,
        *sources,
    ]


def _tell(line: str, progress: Callable[[str], None]) -> None:
    if line.startswith("I: ") and line.endswith("..."):
        progress(line.removeprefix("I: ").removesuffix("..."))


def _forget_controller(root: Path) -> None:
    """Take out what mmdebstrap left of this machine: its name, its resolver, and how it reaches archives.

    The last may hold a proxy's password.
    """
    (root / _APT_CONFIGURATION).write_text("\n".join(_KEPT_APT_SETTINGS) + "\n")
    for path in (root / "etc/hostname", root / "etc/resolv.conf"):
        if path.is_file() and not path.is_symlink():
            path.unlink()


def _checked(line: str) -> str:
    if not line.startswith(("deb ", "deb-src ")):
        raise BadInput(
            f"setting {settings.REPOSITORIES.name}: {line!r} was given; accepted is a line as in 'deb URL SUITE main'."
        )
    for key in _SIGNED_BY.findall(line):
        if not Path(key).is_file():
            raise BadInput(f"setting {settings.REPOSITORIES.name}: {line!r} was given; {key} does not exist.")
    return line


def _install_key(line: str, root: Path) -> None:
    """Put a repository's key where the tree's own apt looks for it: at the same path."""
    for key in _SIGNED_BY.findall(line):
        there = root / key.lstrip("/")
        if not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(key, there)
            there.chmod(0o644)


def _transport_settings() -> list[str]:
    """How this machine's apt reaches archives: proxies, certificates, clocks that are off."""
    lines = run(["apt-config", "dump"]).splitlines()
    return [line for line in lines if line.startswith(("Acquire::http", "Acquire::Check-"))]


def _own_mirror(release: str) -> str:
    """The archive of the controller's apt, if it is Debian's and the image is Debian."""
    if release in UBUNTU:
        return ""
    found = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"])
    return next(iter(found.split()), "")
