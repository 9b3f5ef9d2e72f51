#!/bin/sh
# The dracut module of luna, as in dracut.modules(7): fetches an install script and lets it fill the new root.
# dracut sources this with bash; `root/` and `requires` beside it are put there by luna_core.boot.initramfs.

# Only by name: a machine that isn't a node of luna must not get this into its own initramfs.
check() {
    require_binaries ip tar || return 1
    return 255
}

# No network module: what dracut's own does differs with the distribution and its release.
depends() {
    echo base udev-rules
    for luna_path in "${dracutbasedir:?}"/modules.d/??initqueue; do
        # Part of base before dracut 107.
        if [ -d "$luna_path" ]; then echo initqueue; fi
    done
    # Rules by which udev waits for LVM and cryptsetup, and they for it. Not its modules crypt, lvm and mdraid: they
    # start what is not luna's.
    for luna_path in "$dracutbasedir"/modules.d/??dm; do
        if [ -d "$luna_path" ] && { luna_has lvm || luna_has cryptsetup; } && luna_has dmsetup; then echo dm; fi
    done
    cat "$dracutbasedir"/modules.d/??luna/requires 2> /dev/null || :
}

luna_has() {
    find_binary "$1" > /dev/null 2>&1
}

# Drivers of cards that do nothing before they are given firmware, and how its files' names begin.
luna_firmware='acenic:acenic/ bna:ctfw- bnx2:bnx2/ bnx2x:bnx2x/ qed:qed/ qede:qed/ starfire:adaptec/ tehuti:tehuti/
    typhoon:3com/'

luna_has_firmware() {
    [ -n "$(find "${dracutsysrootdir:-}/lib/firmware/" -path "*/$1*" -print -quit 2> /dev/null)" ]
}

installkernel() {
    # Nothing in here drives a PCMCIA card's socket, or logs in to storage behind a network; two are chips of switches;
    # b44 was in laptops, and brings three buses along; no firmware boots from liquidio_vf.
    luna_useless='_cs$|^pata_pcmcia$|^b44$|^cnic$|^nvme_(fabrics|fc|rdma|tcp)$|^mlxsw_|^prestera|^liquidio_vf$'
    for luna_driver in $luna_firmware; do
        luna_has_firmware "${luna_driver#*:}" || luna_useless="$luna_useless|^${luna_driver%%:*}$"
    done
    # A node is seldom the machine on which its initramfs is made.
    omit_drivers="${omit_drivers:+$omit_drivers|}$luna_useless" hostonly='' instmods \
        '=drivers/net/ethernet' '=drivers/net/phy' '=drivers/net/mdio' virtio_net vmxnet3 hv_netvsc bonding 8021q \
        mlx4_ib mlx5_ib ib_ipoib ipv6 af_packet \
        '=drivers/ata' '=drivers/nvme/host' sd_mod virtio_blk virtio_scsi virtio_pci virtio_rng vmw_pvscsi hv_storvsc \
        megaraid_sas mpt3sas mpi3mr aacraid hpsa smartpqi dm_mod \
        ext4 vfat nls_cp437 nls_ascii nls_iso8859-1 overlay squashfs loop \
        ipmi_si ipmi_ssif ipmi_devintf xhci_pci ehci_pci uhci_hcd usbhid hid_generic
    # Of some size, and with nobody to make such a file system or array without use.
    if luna_has mkfs.btrfs; then hostonly='' instmods btrfs; fi
    if luna_has mkfs.xfs; then hostonly='' instmods xfs; fi
    if luna_has mdadm; then hostonly='' instmods raid0 raid1 raid10 raid456; fi
    if luna_has cryptsetup; then hostonly='' instmods dm_crypt algif_skcipher xts ecb aesni_intel aes_ce_blk; fi
    if luna_has_tpm; then hostonly='' instmods '=drivers/char/tpm'; fi
    # dracut's dm takes all of drivers/md. These are for caches, clusters and tests, or for what nothing in here sets up;
    # the TPMs can't be sealed to, for they are older than TPM 2.0, or other machines'.
    for luna_driver in bcache dlm dm-delay dm-era dm-flakey dm-log-userspace dm-log-writes dm-switch dm-unstripe \
        dm-verity dm-zoned faulty md-cluster multipath tpm_atmel tpm_i2c_atmel tpm_i2c_infineon tpm_infineon tpm_nsc \
        tpm_vtpm_proxy; do
        find "${initdir:?}/lib/modules/" -name "$luna_driver.ko*" -delete
    done
    luna_decompress_modules
}

# In the one stream of the initramfs they are smaller than in a stream each, which it could not make smaller.
luna_decompress_modules() {
    if command -v xz > /dev/null; then
        find "${initdir:?}/lib/modules/" -name '*.ko.xz' -exec xz --decompress {} +
    fi
    if command -v zstd > /dev/null; then
        find "${initdir:?}/lib/modules/" -name '*.ko.zst' -exec zstd --decompress --quiet --rm {} +
    fi
}

# Whether the tree can seal a key to a TPM: systemd loads these libraries at run time.
luna_has_tpm() {
    luna_has cryptsetup && luna_has systemd-cryptenroll || return 1
    for luna_directory in ${libdirs:?}; do
        [ ! -e "${dracutsysrootdir:-}$luna_directory/libtss2-esys.so.0" ] || return 0
    done
    return 1
}

luna_install_programs() {
    inst_multiple awk basename cat chmod chown chroot cp cut date dd df dirname env find grep head id ip kill ln \
        ls mkdir mkfifo mknod mktemp mount mountpoint mv readlink rm rmdir sed setsid sh sleep sort stat sync tail \
        tar tee timeout touch tr true umount uname wc
    inst_multiple -o blkid busybox cryptsetup dmesg dmsetup ipmitool lsblk lvm mdadm mkfs.btrfs mkfs.ext4 mkfs.vfat \
        mkfs.xfs mkswap partx sfdisk swapon udevadm wipefs /etc/mke2fs.conf
    # luna itself uses none of these; procps brings libraries along.
    for luna_name in blockdev gzip less ps; do
        if luna_has busybox; then
            ln -sf "$(find_binary busybox)" "${initdir:?}/usr/bin/$luna_name"
        else
            inst_multiple -o "$luna_name"
        fi
    done
    if luna_has_tpm; then
        inst_multiple systemd-cryptenroll
        inst_libdir_file 'libtss2-esys.so*' 'libtss2-mu.so*' 'libtss2-rc.so*' 'libtss2-sys.so*' \
            'libtss2-tcti-device.so*' 'libtss2-tctildr.so*'
    fi
    # They name arrays and volumes, and start none.
    inst_rules 11-dm-lvm.rules 56-lvm.rules 63-md-raid-arrays.rules
    # glibc loads these at run time, so that no list of dependencies names them.
    inst_libdir_file 'libnss_files.so*' 'libnss_dns.so*' 'libgcc_s.so*'
}

luna_install_sshd() {
    inst_multiple -o sshd ssh-keygen /usr/lib/openssh/sshd-session /usr/lib/openssh/sshd-auth \
        /usr/libexec/openssh/sshd-session /usr/libexec/openssh/sshd-auth
    grep -qs '^sshd:' "${initdir:?}/etc/passwd" || echo 'sshd:x:74:74::/run/sshd:/sbin/nologin' >> "$initdir/etc/passwd"
    # The initramfs is served to whoever asks: no password of the image's, and no empty one either.
    sed -i '/^root:/d' "$initdir/etc/passwd"
    echo 'root:*:0:0::/root:/bin/sh' >> "$initdir/etc/passwd"
    if [ -e "$initdir/etc/shadow" ]; then sed -i '/^root:/d' "$initdir/etc/shadow"; fi
}

# Where the controller runs the tree's release, what Python brings along is the tree's too, and is carried once.
luna_share_libraries() {
    for luna_own in "${initdir:?}"/usr/lib/luna/lib/*.so*; do
        for luna_directory in ${libdirs:?}; do
            luna_theirs=$luna_directory/${luna_own##*/}
            cmp -s "$luna_own" "$luna_theirs" || continue
            inst_library "$luna_theirs" && ln -f "$(readlink -f "$initdir$luna_theirs")" "$luna_own" && break
        done
    done
}

install() {
    # A rule of udev's names it; systemd's library would come along, for sessions that nobody has in here.
    mkdir -p "${initdir:?}/usr/bin"
    ln -sf true "$initdir/usr/bin/loginctl"
    luna_install_programs
    luna_install_sshd
    for luna_name in luna-lib luna-agent luna-network luna-rescue luna-udhcpc; do
        inst_simple "${moddir:?}/$luna_name.sh" "/usr/lib/luna/$luna_name.sh"
    done
    inst_simple "$moddir/sshd_config" /usr/lib/luna/sshd_config
    for luna_name in reboot poweroff; do
        # dracut may have linked these to systemctl.
        rm -f "$initdir/usr/sbin/$luna_name"
        inst_simple "$moddir/luna-power.sh" "/usr/sbin/$luna_name"
    done
    chmod 755 "$initdir/usr/sbin/reboot" "$initdir/usr/sbin/poweroff" "$initdir/usr/lib/luna/luna-udhcpc.sh"
    inst_hook cmdline 20 "$moddir/luna-cmdline.sh"
    inst_hook initqueue/finished 20 "$moddir/luna-finished.sh"
    inst_hook mount 10 "$moddir/luna-mount.sh"
    # tar and not cp: /lib and its like are symbolic links in the initramfs.
    tar -C "$moddir/root" -cf - . | tar -C "$initdir" --keep-directory-symlink --no-overwrite-dir -xf -
    luna_share_libraries
    dracut_need_initqueue
    # dracut goes on without a module that it can't install; this is how luna sees that it did not.
    : > "$moddir/installed"
}
