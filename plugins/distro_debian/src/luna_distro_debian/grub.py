"""GRUB on every disk that holds /boot, for the firmware with which the node was booted."""

import shlex
from pathlib import Path

from luna_core.distro.boot_loader import FUNCTIONS
from luna_core.types import Node
from luna_distro_debian.initramfs import INITRAMFS

# By UEFI into the removable path, which a firmware finds that has lost its entries. grub-install puts shim there too,
# where the tree has the signed packages.
_SCRIPT = """\
mkdir -p /etc/default/grub.d
cat > /etc/default/grub.d/luna.cfg <<END
# Written by luna. The firmware's console is there on machines without graphics too, and on serial lines.
GRUB_TERMINAL=\\${{GRUB_TERMINAL:-console}}
GRUB_CMDLINE_LINUX="$(luna_root_arguments) "
END
cat >> /etc/default/grub.d/luna.cfg <<'END'
GRUB_CMDLINE_LINUX=$GRUB_CMDLINE_LINUX{arguments}
END
if [ -d /sys/firmware/efi ]; then
    luna_on_each_esp grub-install --removable --no-nvram --efi-directory
    luna_boot_entries
else
    for disk in $(luna_disks); do
        grub-install --target=i386-pc "$disk"
    done
fi
update-grub
"""


def present(root: Path) -> bool:
    """Whether the tree has it."""
    return (root / "usr/sbin/update-grub").exists() and (root / "usr/sbin/grub-install").exists()


def install_script(node: Node) -> str:
    """Installs it, with the node's kernel arguments for every kernel."""
    return FUNCTIONS + INITRAMFS + _SCRIPT.format(arguments=shlex.quote(node.kernel_arguments))
