"""GRUB on a node's own disk, for the firmware with which the node was booted."""

import shlex
from pathlib import Path

from luna_core.errors import Unsupported
from luna_core.types import Node

# Into the removable path of the UEFI specification, section 3.5.1.1: it needs no boot entry of the firmware's, so
# that the network stays first in its order and luna decides what boots.
_SCRIPT = """\
mkdir -p /etc/default/grub.d
cat > /etc/default/grub.d/luna.cfg <<'END'
# Written by luna. The firmware's console is there on machines without graphics too, and on serial lines.
GRUB_TERMINAL=${{GRUB_TERMINAL:-console}}
GRUB_CMDLINE_LINUX={arguments}
END
if [ -d /sys/firmware/efi ]; then
    grub-install --efi-directory=/boot/efi --removable --no-nvram
else
    for disk in $(grub-probe --target=disk /boot); do
        grub-install --target=i386-pc "$disk"
    done
fi
update-grub
"""


def install_script(node: Node, root: Path) -> str:
    """Installs GRUB on the disks that hold /boot. Raises Unsupported for a tree without GRUB."""
    if not (root / "usr/sbin/update-grub").exists() or not (root / "usr/sbin/grub-install").exists():
        raise Unsupported(f"{root} has no GRUB; install grub-pc-bin or grub-efi-amd64-bin, and grub2-common, in it.")
    return _SCRIPT.format(arguments=shlex.quote(node.kernel_arguments))
