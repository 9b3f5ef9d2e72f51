"""systemd-boot on every disk that holds /boot, in trees that have no GRUB."""

import shlex
from pathlib import Path

from luna_core.distro.boot_loader import FUNCTIONS
from luna_core.types import Node
from luna_distro_debian.initramfs import INITRAMFS

# The names are kernel-install(8)'s, which goes on with them when the node gets another kernel.
_SCRIPT = """\
[ -d /sys/firmware/efi ] || {{ echo "systemd-boot needs UEFI, and this machine was booted by its BIOS" && exit 1; }}
arguments={arguments}
read -r machine < /etc/machine-id
options="root=$(luna_root) ro $(luna_root_arguments) $arguments"
mkdir -p /etc/kernel
echo "$options" > /etc/kernel/cmdline

install_in() {{
    # Its kind was looked at already, and a partition's number can't be found out of a new root.
    SYSTEMD_RELAX_ESP_CHECKS=1 bootctl --esp-path="$1" --no-variables install
    rm -rf "${{1:?}}/$machine" "$1/loader/entries/$machine"-*.conf
    for kernel in /usr/lib/modules/*; do
        release=${{kernel##*/}}
        mkdir -p "$1/$machine/$release" "$1/loader/entries"
        cp "/boot/vmlinuz-$release" "$1/$machine/$release/linux"
        cp "/boot/initrd.img-$release" "$1/$machine/$release/initrd.img"
        # The Boot Loader Specification of the UAPI group, type 1.
        cat > "$1/loader/entries/$machine-$release.conf" <<END
title      Linux $release
version    $release
machine-id $machine
options    $options
linux      /$machine/$release/linux
initrd     /$machine/$release/initrd.img
END
    done
}}

luna_on_each_esp install_in
luna_boot_entries
"""


def present(root: Path) -> bool:
    """Whether the tree has it."""
    return (root / "usr/bin/bootctl").exists() and any(root.glob("usr/lib/systemd/boot/efi/systemd-boot*.efi"))


def install_script(node: Node) -> str:
    """Installs it, with the node's kernel arguments for every kernel."""
    return FUNCTIONS + INITRAMFS + _SCRIPT.format(arguments=shlex.quote(node.kernel_arguments))
