"""The image's own initramfs, with which a node boots from its disk."""

INITRAMFS = """\
needs=$(luna_root_needs | paste -s -d ' ')
if [ -z "$needs" ]; then
    :
elif command -v update-initramfs > /dev/null; then
    case $needs in *tpm2-tss*) echo "initramfs-tools can't use a TPM: install dracut in its place" && exit 1 ;; esac
    # Its hooks take what is installed, with /etc/crypttab.
    update-initramfs -u -k all
else
    for kernel in /usr/lib/modules/*; do
        image=/boot/initrd.img-${kernel##*/}
        has=$(lsinitrd --mod "$image" || :)
        for need in $needs; do
            echo "$has" | grep -qx "$need" || rm -f "$image"
        done
        [ -e "$image" ] || dracut --add "$needs" --kver "${kernel##*/}" "$image"
    done
fi
"""
"""Makes it anew if it would not find the root below RAID, LVM or encryption; needs luna_core's functions."""
