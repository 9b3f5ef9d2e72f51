"""Runs a program inside a tree without changing it: the tree is read-only meanwhile, but for a directory of luna's.

Everything is mounted in a namespace of its own that ends with the program, so that nothing stays behind even if luna is
killed.
"""

from collections.abc import Iterable
from pathlib import Path

from luna_core.errors import CommandFailed
from luna_core.run import run

SCRATCH = "/var/tmp"  # noqa: S108 - inside the tree, where a private directory is mounted on it
_IN_NAMESPACE = """
set -e
exec 2>&1
tree=$1 work=$2
shift 2
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
[ ! -d "$work/modules.d" ] || mount --bind "$work/modules.d" "$tree/usr/lib/dracut/modules.d"
for directory in tmp var/tmp run; do mount --bind "$work/scratch" "$tree/$directory"; done
exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
"""


def run_in_tree(tree: Path, work: Path, command: Iterable[str]) -> str:
    """Run a command in a tree, and return what it says on both streams.

    `scratch` of the directory `work` is its SCRATCH, and `modules.d`, if any, dracut's modules. Needs root. Raises
    CommandFailed with the command's last lines.
    """
    # The death of luna is the death of unshare, and that of unshare ends dracut, and with it the mounts.
    with_luna = ["setpriv", "--pdeathsig", "KILL"]
    namespace = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    inside: list[str | Path] = ["sh", "-c", _IN_NAMESPACE, "sh", tree.resolve(), work.resolve(), *command]
    try:
        return run([*with_luna, *namespace, *inside])
    except CommandFailed as error:
        raise CommandFailed(f"No initramfs could be made in {tree}: {error}") from error
