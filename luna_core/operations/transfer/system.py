"""What a running machine says of its operating system, and whether it and an osimage are the same kind of system."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from luna_core import types
from luna_core.chroot.machine import machine_of_tree
from luna_core.distro.tree import os_release, parse_os_release
from luna_core.errors import BadInput, LunaError
from luna_core.interfaces import Distro
from luna_core.operations.images.facts import kernel_of
from luna_core.operations.transfer.login import Logins, printable
from luna_core.operations.transfer.mounts import Mount, foreign
from luna_core.operations.transfer.targets import Target

_MARK: Final = "\n--\n"
_ASK = """\
export LC_ALL=C
printf '\\n--\\n'
echo "$(uname -r)"
echo "$(uname -m)"
echo "$(id -u)"
echo "$(command -v rsync)"
printf -- '--\\n'
cat /etc/os-release 2> /dev/null || cat /usr/lib/os-release
printf '\\n--\\n'
cat /proc/self/mountinfo
"""


@dataclass(frozen=True, kw_only=True)
class System:
    """A running system: its kernel and machine as uname(1) names them, its os-release(5), what is no part of it."""

    kernel: str
    architecture: str
    release_text: str
    foreign: tuple[Mount, ...]

    @property
    def release(self) -> Mapping[str, str]:
        """The values of its os-release."""
        return parse_os_release(self.release_text)


def ask(logins: Logins, target: Target) -> System:
    """Ask a machine. Raises LunaError that names it, also if it lacks rsync or does not let us be root."""
    if target.problem:
        raise LunaError(target.problem)
    said = logins.run(target, _ASK)
    parts = said.split(_MARK, 3)
    if len(parts) < 4 or parts[1].count("\n") != 3 or not parts[1].replace("\n", "").isprintable():
        raise LunaError(f"{target.name} doesn't run what it is asked to; it said {said[:200]!r}.")
    _, about, release_text, mountinfo = parts
    kernel, architecture, user, rsync = about.split("\n")
    if user != "0":
        raise LunaError(f"{target.name}: {logins.account.user} isn't root there; accepted is who is, or may use sudo.")
    if not rsync:
        raise LunaError(f"{target.name} has no rsync; install the package of that name there, and in its osimage.")
    return System(
        kernel=kernel, architecture=architecture, release_text=release_text, foreign=tuple(foreign(mountinfo))
    )


def refuse_other(target: Target, system: System, image: types.Image, distro: Distro, forced: Collection[str]) -> None:
    """Raise BadInput that names both sides of what differs between a machine and an image's tree, if not `forced`."""
    wrong = {word: sentence for word, sentence in _differences(target, system, image, distro) if word not in forced}
    if wrong:
        raise BadInput(f"{' '.join(wrong.values())} '{' '.join(f'--force {word}' for word in wrong)}' goes on.")


def _differences(target: Target, system: System, image: types.Image, distro: Distro) -> Iterator[tuple[str, str]]:
    machine, tree = target.name, f"osimage {image.name}"
    kernel = kernel_of(image, distro).release
    if system.kernel != kernel:
        yield "kernel", f"{machine} runs kernel {system.kernel}, and {tree} boots {kernel}."
    architecture = machine_of_tree(image.path)
    if architecture and system.architecture != architecture:
        yield "architecture", f"{machine} is {system.architecture}, and {tree} is for {architecture}."
    ours, theirs = os_release(image.path), system.release
    if ours.get("ID") != theirs.get("ID"):
        yield "distro", f"{machine} runs {_named(theirs)}, and {tree} holds {_named(ours)}."
    elif _major(ours) != _major(theirs):
        yield "release", f"{machine} runs {_named(theirs)}, and {tree} holds {_named(ours)}."


def _major(release: Mapping[str, str]) -> str:
    return release.get("VERSION_ID", "").partition(".")[0]


def _named(release: Mapping[str, str]) -> str:
    return printable(f"{release.get('ID', 'an unknown system')} {release.get('VERSION_ID', '')}".strip())


def write_release(system: System, root: Path) -> None:
    """Put the machine's os-release into an empty tree, by which distros recognise it."""
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(system.release_text)
