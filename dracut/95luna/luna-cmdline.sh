#!/bin/sh
# dracut's cmdline hook, sourced: claims this boot for luna where the kernel was given luna.url=.
# No root= is asked for, because systemd would make a mount unit of it.

if getarg luna.url= > /dev/null; then
    # shellcheck disable=SC2034 # dracut reads both
    root=luna rootok=1
    unset netroot
    mkdir -p /run/luna
    luna_macs=$(getarg luna.bond=)
    echo "$(getarg luna.mac=),${luna_macs#*:}" | tr ',A-F' ' a-f' > /run/luna/macs
    unset luna_macs
fi
