"""dnf(8), which installs packages into a tree from repositories that luna gives it, and from no others."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import CommandFailed
from luna_core.run import run_contained

_STAGES = ("Downloading Packages:", "Running transaction test", "Running transaction")
# Package scripts take /proc and a few devices for granted; the mounts end with run_contained's namespace.
_IN_NAMESPACE = """
set -e
root=$1
shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do
    mknod -m 666 "$root/dev/${device% *}" c 1 "${device#* }"
done
ln -s /proc/self/fd "$root/dev/fd"
exec "$@"
"""
# kernel-install(8) would make an initramfs that nobody boots, and name boot entries after a machine-id that goes.
_ENVIRONMENT = {"KERNEL_INSTALL_BYPASS": "1", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, kw_only=True)
class Dnf:
    """dnf for one tree; `directory` has its configuration, and is its home, where rpm finds its macros."""

    directory: Path
    root: Path
    release: str
    excludes: Sequence[str]
    tell: Callable[[str], None]

    def enable(self, modules: Sequence[str]) -> None:
        """Choose streams of modules, as in nodejs:20."""
        if modules:
            self._run("module", "enable", *modules)

    def install(self, packages: Sequence[str]) -> None:
        """Install packages, groups (@core), and what they need. Raises CommandFailed with dnf's last lines."""
        self._run("install", *packages)

    def _run(self, *words: str) -> None:
        command: list[str | Path] = [
            *("dnf", "--config", self.directory / "dnf.conf", "--installroot", self.root, "--assumeyes"),
            *("--releasever", self.release, *(f"--exclude={one}" for one in self.excludes)),
            *words,
        ]
        environment = {**_ENVIRONMENT, "HOME": str(self.directory)}
        if shutil.which("dnf") is None:
            raise CommandFailed("dnf is not installed; install it on this machine, on Debian as the package dnf.")
        try:
            run_contained(["sh", "-c", _IN_NAMESPACE, "dnf", self.root, *command], self._told, environment=environment)
        except CommandFailed as error:
            raise CommandFailed(f"dnf {words[0]} failed: {str(error).removeprefix('sh ')}") from error

    def _told(self, line: str) -> None:
        if line in _STAGES:
            self.tell(line.lower().removesuffix(":"))


@contextmanager
def dnf(
    root: Path,
    release: str,
    platform: str,
    repositories: str,
    macros: str,
    excludes: Sequence[str],
    tell: Callable[[str], None],
) -> Iterator[Dnf]:
    """Dnf with a configuration of its own, which others can't read, since repositories may have passwords."""
    with tempfile.TemporaryDirectory(prefix="luna-dnf-") as name:
        directory = Path(name)
        (directory / "repos").mkdir()
        (directory / "repos/luna.repo").write_text(repositories)
        (directory / "dnf.conf").write_text(_configuration(directory / "repos", platform))
        (directory / ".rpmmacros").write_text(macros)
        for place, mode in (("dev", 0o755), ("proc", 0o555), ("sys", 0o555)):
            (root / place).mkdir(exist_ok=True)
            (root / place).chmod(mode)
        yield Dnf(directory=directory, root=root, release=release, excludes=excludes, tell=tell)


def _configuration(repositories: Path, platform: str) -> str:
    lines = (
        *("[main]", f"reposdir={repositories}", f"module_platform_id={platform}"),
        *("gpgcheck=1", "best=1", "plugins=0", "keepcache=0"),
        *("install_weak_deps=0", "tsflags=nodocs", "installonly_limit=0", "skip_if_unavailable=0"),
    )
    return "\n".join(lines) + "\n"
