#!/bin/sh
# What busybox udhcpc runs; it gives the lease in lower-case variables.

case $1 in bound | renew) ;; *) exit 0 ;; esac
ip address replace "${ip:?}/${mask:?}" brd + dev "${interface:?}"
# shellcheck disable=SC2154 # of several routers the first is the one to use
[ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface" onlink
# shellcheck disable=SC2154
for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf
