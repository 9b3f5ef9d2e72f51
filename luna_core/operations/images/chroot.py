"""Work inside an osimage's tree as on a machine: what process 1 of the namespaces is told, and the wait for it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from luna_core import types
from luna_core.chroot.machine import refuse_foreign
from luna_core.chroot.paths import resolve
from luna_core.chroot.plan import Overlaid, Plan
from luna_core.errors import BadInput, LunaError
from luna_core.interfaces import Distro
from luna_core.operations import Luna
from luna_core.operations.images.chroot_process import attend, has_terminal
from luna_core.operations.images.facts import distro_of, image_facts, kernel_of
from luna_core.operations.images.locks import tree_lock

RESOLV_CONF = Path("/etc/resolv.conf")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("TERM", "COLORTERM", "LANG", "LANGUAGE", "TZ")


def enter(
    luna: Luna, name: str, command: Sequence[str] = (), *, read_only: bool = False, binds: Sequence[str] = ()
) -> int:
    """Run a command, by default a shell, inside an osimage's tree, on luna's own terminal; returns its exit status.

    `binds` are SOURCE:TARGET, a path of the controller and where it is to be in the tree. A `read_only` visit disturbs
    nobody; any other holds the tree. Raises Conflict that says who is in it, BadInput, CommandFailed.
    """
    if os.geteuid():
        raise LunaError(f"osimage {name}: only root can mount what working in a tree needs; try it with sudo.")
    image = image_facts(luna, name)
    if not image.path.is_dir():
        raise BadInput(f"osimage {name}: path: {image.path} is no directory; 'luna osimage build {name}' makes one.")
    root = image.path.resolve()
    refuse_foreign(name, root)
    distro = distro_of(luna, image)
    release = _release(image, distro)
    at_terminal = not command and has_terminal()
    plan = Plan(
        root=str(root),
        command=command or [_shell(root)],
        environment=_environment(name),
        release=release,
        read_only=read_only,
        takes_terminal=at_terminal,
        greeting=f"This is the tree of osimage {name}; 'exit' leaves it." if at_terminal else "",
        files=_files(distro, root, release),
        binds=[_bind(name, one) for one in binds],
    )
    with ExitStack() as held:
        doing = f"running {Path(plan.command[0]).name!r} in"
        lock = None if read_only else held.enter_context(tree_lock(luna.settings, name, image.path, doing))
        return attend(plan, lock)


def _release(image: types.Image, distro: Distro) -> str | None:
    try:
        return kernel_of(image, distro).release
    except BadInput:
        # A tree without a kernel is entered to install one.
        return None


def _shell(root: Path) -> str:
    return next((one for one in ("/bin/bash", "/bin/sh") if resolve(root, one).exists()), "/bin/sh")


def _environment(name: str) -> Mapping[str, str]:
    """Nothing of luna's environment that could be secret; bash puts the osimage's name before any prompt."""
    kept = {key: value for key, value in os.environ.items() if key in _KEPT or key.startswith("LC_")}
    prompt = f"({name}) "
    return {
        **kept,
        "PATH": _PATH,
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "LUNA_OSIMAGE": name,
        "PS1": f"{prompt}# ",
        "PROMPT_COMMAND": f'case $PS1 in "{prompt}"*) ;; *) PS1="{prompt}$PS1" ;; esac',
    }


def _files(distro: Distro, root: Path, release: str | None) -> list[Overlaid]:
    files = [Overlaid(path=one.path, content=one.content, mode=one.mode) for one in distro.chroot_files(root)]
    if RESOLV_CONF.is_file():
        files.append(Overlaid(path=str(RESOLV_CONF), content=RESOLV_CONF.read_text()))
    if release:
        files.append(Overlaid(path="/proc/sys/kernel/osrelease", content=f"{release}\n", mode=0o444))
    return files


def _bind(name: str, given: str) -> tuple[str, str]:
    source, colon, target = given.partition(":")
    if not colon or not Path(source).is_absolute() or not Path(target).is_absolute() or not Path(source).exists():
        raise BadInput(
            f"osimage {name}: --bind: {given!r} was given; accepted is SOURCE:TARGET, a path that the controller has "
            "and one that the tree has, both absolute."
        )
    return source, target
