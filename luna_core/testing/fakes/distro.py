"""An operating system of a few files, built in a moment and without a network."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from luna_core.errors import CommandFailed
from luna_core.interfaces import Distro
from luna_core.run import run
from luna_core.types import Image, Kernel, Node, NodeFile

RELEASE = "6.1.0-fake"
PACKAGES = "usr/share/fake-packages"
TOOLS = ("/bin/sh", "/usr/bin/env")
_DIRECTORIES = ("dev", "proc", "run", "sys", "tmp", "var/tmp", "usr/lib/dracut/modules.d")
# What dracut would have done: run luna's module, which leaves this mark, and write an initramfs.
_DRACUT = """
[ ! -d /usr/lib/dracut/modules.d/95luna ] || : > /usr/lib/dracut/modules.d/95luna/installed
echo "fake initramfs of $1" > "$2"
"""


class FakeDistro(Distro):
    """Its trees hold the controller's own shell, so that commands run in a chroot, and a file for each package.

    A package called `missing` can't be installed.
    """

    def recognises(self, root: Path) -> bool:
        """Whether os-release says so."""
        release = root / "etc/os-release"
        return release.is_file() and "ID=fake\n" in release.read_text()

    def build(self, image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
        """Write the tree."""
        progress("Copying the shell")
        for name in _DIRECTORIES:
            (root / name).mkdir(parents=True, exist_ok=True)
        for path in _tools_and_libraries():
            target = root / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        progress("Installing packages")
        if "missing" in packages:
            raise CommandFailed("The fake package manager found no package 'missing'.")
        for name in packages:
            _write(root / PACKAGES / name, "")
        _write(root / "etc/os-release", "ID=fake\nNAME=Fake\n")
        _write(root / f"boot/vmlinuz-{RELEASE}", "fake kernel\n")
        _write(root / f"usr/lib/modules/{RELEASE}/modules.dep", "")

    def kernels(self, root: Path) -> Sequence[Kernel]:
        """Every vmlinuz in /boot."""
        names = sorted((path.name for path in (root / "boot").glob("vmlinuz-*")), reverse=True)
        return [Kernel(release=name.removeprefix("vmlinuz-"), path=Path("/boot", name)) for name in names]

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        """Writes a line of text with the kernel's release."""
        return ["/bin/sh", "-c", _DRACUT, "sh", kernel.release, output]

    def network_files(self, node: Node, root: Path) -> Sequence[NodeFile]:
        """One file: a line for each address."""
        lines = [f"{one.name} {address.address}\n" for one in node.interfaces for address in one.addresses]
        return [NodeFile(path="/etc/network.fake", content="".join(lines))]

    def boot_packages(self, image: Image) -> Sequence[str]:
        """A kernel and dracut."""
        return ["fake-kernel", "fake-dracut"]

    def pack_excludes(self) -> Sequence[str]:
        """The machine's identity."""
        return ["/etc/machine-id"]

    def grab_excludes(self) -> Sequence[str]:
        """Logs."""
        return ["/var/log/*"]


def _tools_and_libraries() -> set[Path]:
    words = run(["ldd", *TOOLS]).split()
    return {Path(word.rstrip(":")) for word in (*TOOLS, *words) if word.startswith("/")}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
