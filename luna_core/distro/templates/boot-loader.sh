#!/bin/sh
# What the boot loaders of all distributions need. It begins the scripts that install one, in the new root of a node.

# luna_layers PLACE COLUMNS: lsblk(8) of the device that is mounted at PLACE and of all that it consists of.
luna_layers() {
    luna_device=$(findmnt --noheadings --nofsroot --output SOURCE --target "$1")
    lsblk --inverse --noheadings --raw --paths --output "$2" "$luna_device"
}

# luna_disks: the disks that hold /boot. grub-probe(8) would name the array that they make.
luna_disks() {
    luna_layers /boot NAME,TYPE | awk '$2 == "disk" { print $1 }' | sort -u
}

# luna_esps: the EFI system partitions on all disks that hold /boot, that of /boot/efi first.
luna_esps() {
    {
        findmnt --noheadings --output SOURCE --mountpoint /boot/efi || :
        for luna_disk in $(luna_disks); do
            # By its type on a GPT (UEFI specification, section 5.3.3) or a DOS label.
            lsblk --noheadings --raw --paths --output NAME,FSTYPE,PARTTYPE "$luna_disk" |
                awk '$2 == "vfat" && ($3 == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" || $3 == "0xef") { print $1 }'
        done
    } | awk '!seen[$1]++'
}

# luna_on_each_esp COMMAND...: runs it for each of them, with the place where it is mounted as a last argument.
luna_on_each_esp() {
    luna_found=$(luna_esps)
    [ -n "$luna_found" ] || { echo "no disk that holds /boot has an EFI system partition with a FAT file system" && exit 1; }
    for luna_esp in $luna_found; do
        mkdir -p /run/luna/esp
        mount "$luna_esp" /run/luna/esp
        "$@" /run/luna/esp
        umount /run/luna/esp
    done
}

# luna_boot_entries: gives the firmware an entry, called luna, for the removable path (UEFI specification, section
# 3.5.1.1) on each of them, for not every firmware looks there by itself. They come last in its order: the network stays
# first, and luna decides what boots. A firmware that takes none is no error.
luna_boot_entries() {
    command -v efibootmgr > /dev/null || return 0
    mountpoint -q /sys/firmware/efi/efivars ||
        { modprobe --quiet efivarfs && mount -t efivarfs efivarfs /sys/firmware/efi/efivars; } || return 0
    for luna_entry in $(luna_entries); do
        efibootmgr --quiet --bootnum "$luna_entry" --delete-bootnum || return 0
    done
    luna_order=$(efibootmgr | sed -n 's/^BootOrder: //p')
    luna_loader='\EFI\BOOT\BOOTX64.EFI'
    [ "$(uname -m)" != aarch64 ] || luna_loader='\EFI\BOOT\BOOTAA64.EFI'
    for luna_esp in $(luna_esps); do
        luna_disk=$(lsblk --noheadings --nodeps --paths --output PKNAME "$luna_esp")
        read -r luna_partition < "/sys/class/block/${luna_esp##*/}/partition"
        efibootmgr --quiet --create-only --disk "$luna_disk" --part "$luna_partition" --label luna \
            --loader "$luna_loader" || return 0
    done
    efibootmgr --quiet --bootorder "${luna_order:+$luna_order,}$(luna_entries | paste -s -d ,)" || :
}

luna_entries() {
    # Version 18 adds the path.
    efibootmgr | sed -n "s/^Boot\([0-9A-F]\{4\}\)[* ] luna\(\t.*\)\{0,1\}$/\1/p"
}

# luna_root: what the kernel argument root= is to be.
luna_root() {
    luna_device=$(findmnt --noheadings --nofsroot --output SOURCE --target /)
    # initramfs-tools finds no logical volume by a UUID.
    case $luna_device in
        /dev/mapper/*) echo "$luna_device" ;;
        *) echo "UUID=$(findmnt --noheadings --output UUID --target /)" ;;
    esac
}

# luna_root_arguments: what dracut.cmdline(7) needs to be told of before it assembles anything. They go before those of
# the node, for of one that is given twice the last holds.
luna_root_arguments() {
    {
        # An array that lacks a disk is started after two thirds of these seconds. By default they are 180.
        ! luna_layers / TYPE | grep -q '^raid' || echo rd.retry=60
        luna_layers / NAME,TYPE,FSTYPE,UUID | sort -u | while read -r luna_name luna_type luna_format luna_uuid; do
            case $luna_type in
                lvm) echo "rd.lvm.lv=$(lvs --noheadings --options lv_full_name "$luna_name" | tr -d ' ')" ;;
                raid*) mdadm --detail --export "$luna_name" | sed -n 's/^MD_UUID=/rd.md.uuid=/p' ;;
            esac
            [ "$luna_format" != crypto_LUKS ] || luna_container_arguments "$luna_uuid"
        done
    } | paste -s -d ' '
}

# luna_container_arguments UUID: of what is encrypted, with the name and the options that crypttab(5) gives it.
luna_container_arguments() {
    echo "rd.luks.uuid=$1"
    [ ! -e /etc/crypttab ] || awk -v uuid="$1" '$2 == "UUID=" uuid {
        print "rd.luks.name=" uuid "=" $1
        print "rd.luks.options=" uuid "=" $4
    }' /etc/crypttab
}

# luna_root_needs: those of dracut's modules without which no initramfs finds the root.
luna_root_needs() {
    luna_layers / TYPE | sort -u | sed -n 's/^lvm$/lvm/p; s/^raid.*/mdraid/p; s/^crypt$/crypt/p'
    luna_layers / UUID | while read -r luna_uuid; do
        [ -z "$luna_uuid" ] || ! grep -qs "UUID=$luna_uuid .*tpm2-device=" /etc/crypttab || echo tpm2-tss
    done
}
