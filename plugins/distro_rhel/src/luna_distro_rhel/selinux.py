"""SELinux labels, set when packing and kept as extended attributes from there on.

/.autorelabel is not used: its service labels the root and reboots, which a node whose root is in RAM would do for ever.
"""

import re
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.run import run_contained
from luna_core.types import Image

_SETFILES = "usr/sbin/setfiles"
_MOUNTED = ("/proc", "/sys", "/dev", "/run")
# It reaches files by /proc/self/fd; the mount ends with run_contained's namespace.
_IN_NAMESPACE = 'mount -t proc proc "$1/proc" && exec chroot "$@"'
_ON_A_NODE = """\
# What luna wrote there has no labels; restorecon(8) would do nothing, for no policy is loaded yet.
[ ! -e /{contexts} ] || /{setfiles} -F /{contexts} /etc /root"""


def contexts(root: Path) -> str | None:
    """The path in the tree of the file_contexts(5) of the policy that its nodes load, or None if SELinux is off."""
    configuration = root / "etc/selinux/config"
    if not configuration.is_file():
        return None
    values = dict(re.findall(r"^(SELINUX|SELINUXTYPE)=\s*(\w+)", configuration.read_text(), re.MULTILINE))
    if values.get("SELINUX") not in ("enforcing", "permissive"):
        return None
    return f"etc/selinux/{values.get('SELINUXTYPE', 'targeted')}/contexts/files/file_contexts"


def label(image: Image, root: Path) -> None:
    """Give every file the label that the tree's policy says; those that have it aren't touched. Needs root.

    Raises BadInput for a tree with SELinux on that lacks the policy or setfiles(8), CommandFailed.
    """
    specification = contexts(root)
    if specification is None:
        return
    for name in (specification, _SETFILES):
        if not (root / name).is_file():
            raise BadInput(
                f"osimage {image.name}: SELinux is on in etc/selinux/config, but the tree has no /{name}; install "
                "selinux-policy-targeted and policycoreutils in it, or set SELINUX=disabled."
            )
    excluded = [word for place in _MOUNTED for word in ("-e", place)]
    command = [f"/{_SETFILES}", "-F", *excluded, f"/{specification}", "/"]
    run_contained(["sh", "-c", _IN_NAMESPACE, "setfiles", root, *command])


def script(root: Path) -> str | None:
    """What labels the files that luna wrote on a node, or None if SELinux is off."""
    specification = contexts(root)
    return specification and _ON_A_NODE.format(contexts=specification, setfiles=_SETFILES)
