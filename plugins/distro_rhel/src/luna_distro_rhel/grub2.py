"""GRUB on every disk that holds /boot, with boot entries in files (the Boot Loader Specification), as RHEL has it."""

import shlex
from pathlib import Path

from luna_core.distro.boot_loader import FUNCTIONS
from luna_core.errors import Unsupported
from luna_core.types import Node
from luna_distro_rhel import selinux

# kernel-install(8) makes the initramfs, here where dracut sees what the root consists of, and the entry. RHEL 9 and
# later take the arguments from /etc/kernel/cmdline, RHEL 8 from /etc/default/grub by way of grubenv.
_SCRIPT = """\
mkdir -p /etc/kernel /etc/default /boot/grub2 /boot/loader/entries
arguments={arguments}
assembly=$(luna_root_arguments)
echo "root=$(luna_root) ro $assembly $arguments" > /etc/kernel/cmdline
touch /etc/default/grub
sed -i '/^# luna$/,$d' /etc/default/grub
cat >> /etc/default/grub <<END
# luna
GRUB_ENABLE_BLSCFG=true
GRUB_TERMINAL=\\${{GRUB_TERMINAL:-console}}
GRUB_CMDLINE_LINUX="$assembly "
END
cat >> /etc/default/grub <<'END'
GRUB_CMDLINE_LINUX=$GRUB_CMDLINE_LINUX{arguments}
END

# What shim and GRUB's packages brought lies in the directory of the distribution, on what was mounted at /boot/efi.
install_in() {{
    [ "$luna_esp" = "$(findmnt --noheadings --output SOURCE --mountpoint /boot/efi)" ] || cp -r /boot/efi/EFI "$1"
    for shim in "$1"/EFI/*/shim[ax]*64.efi; do
        [ -e "$shim" ] || {{ echo "the image has no shim; install shim-x64 and grub2-efi-x64 in it" && exit 1; }}
        # The signed GRUB knows where it was packaged for; its configuration there leads to the true one.
        cat > "${{shim%/*}}/grub.cfg" <<END
search --no-floppy --fs-uuid --set=dev $(findmnt --noheadings --output UUID --target /boot)
set prefix=(\\$dev)$(grub2-mkrelpath /boot/grub2)
export prefix
configfile \\$prefix/grub.cfg
END
        # Without GRUB beside it, or with fb*.efi, shim would put an entry of its own in front of the network.
        cp "${{shim%/*}}"/grub*64.efi "${{shim%/*}}/grub.cfg" "$1/EFI/BOOT"
        rm -f "$1"/EFI/BOOT/fb*.efi
    done
}}

if [ -d /sys/firmware/efi ]; then
    luna_on_each_esp install_in
    luna_boot_entries
else
    for disk in $(luna_disks); do
        grub2-install --target=i386-pc "$disk"
    done
fi
for kernel in /usr/lib/modules/*/vmlinuz; do
    release=${{kernel%/vmlinuz}}
    kernel-install add "${{release##*/}}" "$kernel"
done
grub2-mkconfig --output=/boot/grub2/grub.cfg
"""


def install_script(node: Node, root: Path) -> str:
    """Installs it, with the node's kernel arguments for every kernel. Raises Unsupported for a tree without it."""
    if not (root / "usr/sbin/grub2-mkconfig").exists():
        raise Unsupported(f"{root} has no GRUB; install grub2-pc, or grub2-efi-x64 and shim-x64, in it.")
    return FUNCTIONS + _SCRIPT.format(arguments=shlex.quote(node.kernel_arguments)) + (selinux.script(root) or "")
